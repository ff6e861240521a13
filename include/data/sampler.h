/*
 * sampler: the order of samples in an epoch. A bijection of [0, count) for every (seed,
 * epoch), computed index by index, without stored state: a Feistel network on the
 * smallest even number of bits that holds count, with cycle walking. Source: Black and
 * Rogaway, "Ciphers with arbitrary finite domains", CT-RSA 2002, section 4 (generalized
 * Feistel with cycle walking); round function: Philox.
 */
#ifndef LOCKSTEP_DATA_SAMPLER_H
#define LOCKSTEP_DATA_SAMPLER_H

#include <stdint.h>

struct sampler {
    uint64_t count;
    int half_bits;
    uint32_t round_key[8];
};

/* The order of epoch `epoch`; count >= 1. */
void sampler_init(struct sampler *sampler, uint64_t seed, uint32_t epoch, uint64_t count);

/* The order of a class's samples in a pass over them (data/balance.h); count >= 1. */
void sampler_init_class(struct sampler *sampler, uint64_t seed, uint64_t pass, uint32_t c,
                        uint64_t count);

/* The sample at position i of the epoch, i < count. Thread-safe. */
uint64_t sampler_at(const struct sampler *sampler, uint64_t i);

#endif
