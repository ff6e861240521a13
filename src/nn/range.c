#include "nn/range.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/status.h"

void ranges_append(struct ranges *ranges, size_t end, enum range_rule rule)
{
    struct range *last = ranges->count ? &ranges->range[ranges->count - 1] : NULL;
    size_t begin = last ? last->end : 0;
    ASSERT(end >= begin);
    if (end == begin)
        return;
    if (last && last->rule == rule) {
        last->end = end;
        return;
    }
    ranges->range = mem_resize(ranges->range, (size_t)ranges->count + 1, sizeof *last);
    ranges->range[ranges->count++] = (struct range){begin, end, rule};
}

void ranges_copy(struct ranges *to, const struct ranges *from, size_t begin, size_t end)
{
    *to = (struct ranges){0};
    for (int i = 0; i < from->count; i++) {
        const struct range *range = &from->range[i];
        size_t stop = range->end < end ? range->end : end;
        if (stop > begin)
            ranges_append(to, stop - begin, range->rule);
    }
}

void ranges_release(struct ranges *ranges)
{
    free(ranges->range);
    *ranges = (struct ranges){0};
}

/* The first range that ends behind `at`. */
static int ranges_find(const struct ranges *ranges, size_t at)
{
    int low = 0, high = ranges->count;
    while (low < high) {
        int middle = (low + high) / 2;
        if (ranges->range[middle].end <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool ranges_next(const struct ranges *ranges, unsigned rules, size_t end,
                 struct range *stretch)
{
    const struct range *range = ranges->range;
    int i = ranges_find(ranges, stretch->end);
    while (i < ranges->count && !(rules & RANGE_BIT(range[i].rule)))
        i++;
    if (i == ranges->count || range[i].begin >= end)
        return false;
    stretch->begin = range[i].begin > stretch->end ? range[i].begin : stretch->end;
    stretch->rule = range[i].rule;
    while (i + 1 < ranges->count && rules & RANGE_BIT(range[i + 1].rule))
        i++;
    stretch->end = range[i].end < end ? range[i].end : end;
    return stretch->begin < stretch->end;
}
