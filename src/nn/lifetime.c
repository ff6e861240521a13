#include "lifetime.h"

#include <stdlib.h>
#include <string.h>

#include "base/div.h"
#include "base/mem.h"

static int lifetime_larger_first(const void *a, const void *b)
{
    const struct lifetime *x = *(struct lifetime *const *)a;
    const struct lifetime *y = *(struct lifetime *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes < y->bytes ? 1 : -1;
    return (x > y) - (x < y); /* qsort is not stable */
}

static size_t lifetime_aligned(size_t bytes)
{
    return div_round_up(bytes, MEM_ALIGN);
}

/* placed: by place. Returns the index at which the buffer belongs. */
static int lifetime_find_place(struct lifetime *const *placed, int count,
                               struct lifetime *buffer)
{
    size_t free = 0, bytes = lifetime_aligned(buffer->bytes);
    int at = 0;
    for (int i = 0; i < count; i++) {
        const struct lifetime *other = placed[i];
        if (other->begin > buffer->end || other->end < buffer->begin)
            continue;
        if (free + bytes <= other->place)
            break;
        size_t behind = other->place + lifetime_aligned(other->bytes);
        free = behind > free ? behind : free;
    }
    buffer->place = free;
    while (at < count && placed[at]->place <= free)
        at++;
    return at;
}

size_t lifetimes_place(struct lifetime *buffer, int count)
{
    struct lifetime **order = mem_zeroed((size_t)count, sizeof(struct lifetime *));
    struct lifetime **placed = mem_zeroed((size_t)count + 1, sizeof(struct lifetime *));
    size_t total = 0;
    for (int i = 0; i < count; i++)
        order[i] = &buffer[i];
    qsort(order, (size_t)count, sizeof(struct lifetime *), lifetime_larger_first);
    for (int i = 0; i < count; i++) {
        int at = lifetime_find_place(placed, i, order[i]);
        memmove(&placed[at + 1], &placed[at],
                (size_t)(i - at) * sizeof(struct lifetime *));
        placed[at] = order[i];
        size_t end = order[i]->place + lifetime_aligned(order[i]->bytes);
        total = end > total ? end : total;
    }
    free(order);
    free(placed);
    return total;
}
