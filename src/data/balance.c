#include "data/balance.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/status.h"
#include "data/sampler.h"

/* begin[c + 1] becomes where class c ends, for all classes, with samples or without. */
static size_t *balance_count(const uint16_t *labels, size_t count, int classes)
{
    size_t *begin = mem_zeroed((size_t)classes + 1, sizeof *begin);
    for (size_t i = 0; i < count; i++)
        begin[labels[i] + 1]++;
    for (int c = 0; c < classes; c++)
        begin[c + 1] += begin[c];
    return begin;
}

void balance_init(struct balance *balance, uint64_t seed, const uint16_t *labels,
                  size_t count, int classes)
{
    ASSERT(count >= 1 && count - 1 <= UINT32_MAX);
    *balance = (struct balance){
        .seed = seed,
        .begin = balance_count(labels, count, classes),
        .sample = mem_zeroed(count, sizeof *balance->sample),
    };
    size_t *next = balance_count(labels, count, classes);
    for (size_t i = 0; i < count; i++)
        balance->sample[next[labels[i]]++] = (uint32_t)i;
    free(next);
    for (int c = 0; c < classes; c++) {
        size_t end = balance->begin[c + 1];
        if (end > balance->begin[balance->classes])
            balance->begin[++balance->classes] = end;
    }
}

void balance_release(struct balance *balance)
{
    free(balance->begin);
    free(balance->sample);
    *balance = (struct balance){0};
}

size_t balance_bytes(size_t count, int classes)
{
    return count * sizeof(uint32_t) + ((size_t)classes + 1) * sizeof(size_t);
}

uint64_t balance_at(const struct balance *balance, uint64_t d, uint64_t *pass)
{
    uint64_t classes = (uint64_t)balance->classes, c = d % classes, t = d / classes;
    uint64_t begin = balance->begin[c], count = balance->begin[c + 1] - begin;
    struct sampler order;
    *pass = t / count;
    sampler_init_class(&order, balance->seed, *pass, (uint32_t)c, count);
    return balance->sample[begin + sampler_at(&order, t % count)];
}
