#include "data/sampler.h"

#include "base/rng.h"
#include "base/status.h"

#define ROUNDS ((int)(sizeof((struct sampler *)0)->round_key / sizeof(uint32_t)))

static void sampler_start(struct sampler *sampler, struct rng *rng, uint64_t count)
{
    ASSERT(count >= 1);
    int half_bits = 0;
    while (half_bits < 32 && (count - 1) >> (2 * half_bits) != 0)
        half_bits++;
    *sampler = (struct sampler){.count = count, .half_bits = half_bits};
    for (int i = 0; i < ROUNDS; i++)
        sampler->round_key[i] = rng_u32(rng);
}

void sampler_init(struct sampler *sampler, uint64_t seed, uint32_t epoch, uint64_t count)
{
    struct rng rng;
    rng_init(&rng, seed, RNG_ORDER, epoch, 0);
    sampler_start(sampler, &rng, count);
}

void sampler_init_class(struct sampler *sampler, uint64_t seed, uint64_t pass, uint32_t c,
                        uint64_t count)
{
    struct rng rng;
    rng_init(&rng, seed, RNG_CLASS, (uint32_t)pass, pass >> 32 << 32 | c);
    sampler_start(sampler, &rng, count);
}

/* Philox's multiply-and-fold, twice: one pass would leave the low bits, the only ones
   that are kept, too close to linear in x if the halves have few bits. */
static uint32_t sampler_round(uint32_t x, uint32_t key)
{
    uint64_t p = (uint64_t)(x ^ key) * 0xD2511F53u;
    p = (uint64_t)((uint32_t)(p >> 32) ^ (uint32_t)p ^ key) * 0xCD9E8D57u;
    return (uint32_t)(p >> 32) ^ (uint32_t)p;
}

static uint64_t sampler_permute(const struct sampler *sampler, uint64_t x)
{
    int bits = sampler->half_bits;
    uint32_t mask = (uint32_t)(((uint64_t)1 << bits) - 1);
    uint32_t left = (uint32_t)(x >> bits) & mask;
    uint32_t right = (uint32_t)x & mask;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t next = (left ^ sampler_round(right, sampler->round_key[i])) & mask;
        left = right;
        right = next;
    }
    return (uint64_t)left << bits | right;
}

uint64_t sampler_at(const struct sampler *sampler, uint64_t i)
{
    /* i is on a cycle of the larger permutation, so that the walk returns below count at
       the latest at i itself. It takes fewer than four steps on average. */
    do
        i = sampler_permute(sampler, i);
    while (i >= sampler->count);
    return i;
}
