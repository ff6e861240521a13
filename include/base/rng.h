/*
 * rng: counter-based random numbers, Philox4x32-10.
 *
 * A stream is identified by (seed, purpose, a, b): a is an epoch or step, b a sample or
 * element. The same stream gives the same numbers on every machine, rank and thread;
 * there is no state to save. Different streams are independent.
 *
 * Source: J. Salmon, M. Moraes, R. Dror, D. Shaw, "Parallel random numbers: as easy as
 * 1, 2, 3", SC 2011, section 3.3 (Philox4x32, 10 rounds; known-answer vectors in the
 * test).
 */
#ifndef LOCKSTEP_BASE_RNG_H
#define LOCKSTEP_BASE_RNG_H

#include <stdint.h>

enum rng_purpose {
    RNG_INIT = 1, /* a: index of the parameter tensor, b: 0 */
    RNG_ORDER,    /* a: epoch, b: 0: keys of the sample permutation */
    RNG_AUGMENT,  /* a: epoch, b: sample */
    RNG_DROPOUT,  /* a, b: step, layer and sample, packed by nn/layer_dropout.c */
    RNG_SYNTH,    /* a: split (0 train, 1 test), b: image */
    RNG_TEST,     /* tests and measurements */
    RNG_PICTURE,  /* a: epoch, b: sample: flips, crops, colours and erasing */
    RNG_FLIP,     /* a: 0, b: sample: whether it is flipped in even or odd epochs */
    RNG_OPS,      /* a: epoch, b: sample: the operations of RandAugment */
    RNG_MIX,      /* a: epoch, b: position of the first image of a pair */
    RNG_CLASS, /* a: pass, b: class and, above its 32 bits, the rest of the pass: keys of
                  the permutation of its samples */
};

struct rng {
    uint32_t key[2];
    uint32_t counter[4];
    uint32_t block[4];
    int left; /* unused words in block */
};

/* b uses its low 56 bits. */
void rng_init(struct rng *rng, uint64_t seed, enum rng_purpose purpose, uint32_t a,
              uint64_t b);

uint32_t rng_u32(struct rng *rng);

/* Uniform in [0, n), without bias; n > 0. */
uint32_t rng_below(struct rng *rng, uint32_t n);

/* Uniform in [0, 1): a multiple of 2^-24. */
float rng_uniform(struct rng *rng);

/* Uniform in [lo, hi); rounding gives hi itself about once in millions of draws. */
float rng_range(struct rng *rng, float lo, float hi);

/* Standard normal: Box-Muller in double, with libm's log and cos. */
float rng_normal(struct rng *rng);

/* Beta(a, a), in [0, 1]; a > 0. By Student's t with 2 a degrees of freedom (R. Bailey,
   "Polar generation of random variates with the t-distribution", Mathematics of
   Computation 62, 1994): x = 1/2 + t / (2 sqrt(2 a + t^2)). Draws two numbers. */
double rng_beta(struct rng *rng, double a);

/* One Philox4x32-10 block: out = philox(counter, key). */
void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4]);

#endif
