/*
 * balance: an order of samples in which all classes come equally often.
 *
 * Of C classes that have samples, draw d of a run is of class d mod C, as its draw
 * t = d / C: among any N draws in a row each class comes N / C times, rounded down or up.
 * Draw t of a class of n samples is number t mod n of its pass t / n, in an order of its
 * own (data/sampler.h): each sample comes once before one comes again. All of it follows
 * from the seed and d, without stored state.
 */
#ifndef LOCKSTEP_DATA_BALANCE_H
#define LOCKSTEP_DATA_BALANCE_H

#include <stddef.h>
#include <stdint.h>

struct balance {
    uint64_t seed;
    int classes;      /* those with samples */
    size_t *begin;    /* owned: (classes + 1), where each begins in sample */
    uint32_t *sample; /* owned: (count), by class, in file order */
};

/* Balances samples with these labels: (count), below `classes`; count is 1 to 2^32. */
void balance_init(struct balance *balance, uint64_t seed, const uint16_t *labels,
                  size_t count, int classes);
void balance_release(struct balance *balance);

/* Bytes that it takes, at most. */
size_t balance_bytes(size_t count, int classes);

/* The sample of draw d; *pass: how often it came before. Thread-safe. */
uint64_t balance_at(const struct balance *balance, uint64_t d, uint64_t *pass);

#endif
