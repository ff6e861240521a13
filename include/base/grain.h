/*
 * grain: how samples are cut into grains (micro-batches), the units of computation.
 *
 * S samples in grains of at most G make n = ceil(S / G) grains of nearly equal size:
 * grain i has floor(S / n) samples, and one more if i < S mod n. The cut depends on S and
 * G alone, never on ranks or threads. Pure integers.
 */
#ifndef LOCKSTEP_BASE_GRAIN_H
#define LOCKSTEP_BASE_GRAIN_H

#include <stdint.h>

/* n: how many grains of at most `most` >= 1 samples; 0 for no samples. The caller sees to
   it that there are no more than INT_MAX. */
int grain_count(uint64_t samples, int most);

/* The first sample of grain `index` of `count`; grain_begin(samples, count, count) is
   `samples`, so that grains [a, b) are samples [grain_begin(a), grain_begin(b)). */
uint64_t grain_begin(uint64_t samples, int count, int index);

/* Samples of grain `index`, 0 <= index < count. */
int grain_samples(uint64_t samples, int count, int index);

/* Consecutive grains of a batch or a split, such as the share of one rank. */
struct grain_range {
    uint64_t samples; /* of the whole batch or split */
    int count;        /* its grains: grain_count */
    int begin, end;   /* the grains of this range */
};

/* The samples of a range are [*first, *first + the result). */
uint64_t grain_range_samples(const struct grain_range *range, uint64_t *first);

#endif
