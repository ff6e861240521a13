#include "base/rng.h"
#include "base/portable_math.h"

#include <math.h>

#define PHILOX_M0 0xD2511F53u
#define PHILOX_M1 0xCD9E8D57u
#define PHILOX_W0 0x9E3779B9u
#define PHILOX_W1 0xBB67AE85u

void rng_philox(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < 10; round++) {
        uint64_t p0 = (uint64_t)PHILOX_M0 * c0;
        uint64_t p1 = (uint64_t)PHILOX_M1 * c2;
        uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
        uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
        c1 = (uint32_t)p1;
        c3 = (uint32_t)p0;
        c0 = n0;
        c2 = n2;
        k0 += PHILOX_W0;
        k1 += PHILOX_W1;
    }
    out[0] = c0;
    out[1] = c1;
    out[2] = c2;
    out[3] = c3;
}

void rng_init(struct rng *rng, uint64_t seed, enum rng_purpose purpose, uint32_t a,
              uint64_t b)
{
    *rng = (struct rng){
        .key = {(uint32_t)seed, (uint32_t)(seed >> 32)},
        .counter = {0, a, (uint32_t)b,
                    (uint32_t)purpose << 24 | ((uint32_t)(b >> 32) & 0xFFFFFFu)},
    };
}

uint32_t rng_u32(struct rng *rng)
{
    if (rng->left == 0) {
        rng_philox(rng->counter, rng->key, rng->block);
        rng->counter[0]++;
        rng->left = 4;
    }
    return rng->block[4 - rng->left--];
}

/* Lemire, "Fast random integer generation in an interval", ACM TOMACS 2019, section 4. */
uint32_t rng_below(struct rng *rng, uint32_t n)
{
    uint64_t product = (uint64_t)rng_u32(rng) * n;
    if ((uint32_t)product < n) {
        uint32_t biased = -n % n;
        while ((uint32_t)product < biased)
            product = (uint64_t)rng_u32(rng) * n;
    }
    return (uint32_t)(product >> 32);
}

float rng_uniform(struct rng *rng)
{
    return (float)(rng_u32(rng) >> 8) * 0x1p-24f;
}

float rng_range(struct rng *rng, float lo, float hi)
{
    return lo + (hi - lo) * rng_uniform(rng);
}

/* The two numbers of a polar method: log(u) of a uniform u in (0, 1), and the cosine of
   an angle. */
static void rng_polar(struct rng *rng, double *log_u, double *cosine)
{
    *log_u = portable_log(((double)rng_u32(rng) + 0.5) * 0x1p-32);
    *cosine = portable_cos(6.283185307179586 * ((double)rng_u32(rng) * 0x1p-32));
}

float rng_normal(struct rng *rng)
{
    double log_u, cosine;
    rng_polar(rng, &log_u, &cosine);
    return (float)(sqrt(-2.0 * log_u) * cosine);
}

double rng_beta(struct rng *rng, double a)
{
    double log_u, cosine;
    rng_polar(rng, &log_u, &cosine);
    /* t^2 / (2 a) = (u^(-1 / a) - 1) cosine^2, which may be infinite. */
    double square = (portable_exp(-log_u / a) - 1) * cosine * cosine;
    double half = 0.5 / sqrt(1 + 1 / square);
    return cosine < 0 ? 0.5 - half : 0.5 + half;
}
