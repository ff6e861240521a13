#include "base/grain.h"

#include <limits.h>

#include "base/div.h"
#include "base/status.h"

int grain_count(uint64_t samples, int most)
{
    ASSERT(most >= 1);
    uint64_t count = div_up_u64(samples, (uint64_t)most);
    ASSERT(count <= INT_MAX);
    return (int)count;
}

uint64_t grain_begin(uint64_t samples, int count, int index)
{
    if (count == 0)
        return 0;
    uint64_t size = samples / (uint64_t)count, larger = samples % (uint64_t)count;
    uint64_t before = (uint64_t)index;
    return before * size + (before < larger ? before : larger);
}

int grain_samples(uint64_t samples, int count, int index)
{
    return (int)(grain_begin(samples, count, index + 1) -
                 grain_begin(samples, count, index));
}

uint64_t grain_range_samples(const struct grain_range *range, uint64_t *first)
{
    *first = grain_begin(range->samples, range->count, range->begin);
    return grain_begin(range->samples, range->count, range->end) - *first;
}
