/* optim_test: vectors with ranges of every rule, for the tests of optimizers. */
#ifndef LOCKSTEP_TESTS_OPTIM_TEST_H
#define LOCKSTEP_TESTS_OPTIM_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "kernels/kernels.h"
#include "nn/optim.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

enum { N = 333, STEPS = 12 };

/* All that an update reads and writes. */
struct vectors {
    float params[N], grads[N], state[OPTIM_STATES][N], ema[N];
};

/* Neighbours of every rule, with borders where no vector ends. */
static const struct range mixed_range[] = {
    {0, 21, RANGE_TRAIN_DECAY},    {21, 40, RANGE_STATISTIC}, {40, 45, RANGE_TRAIN},
    {45, 130, RANGE_TRAIN_DECAY},  {130, 147, RANGE_FROZEN},  {147, 200, RANGE_TRAIN},
    {200, 201, RANGE_TRAIN_DECAY}, {201, 290, RANGE_TRAIN},   {290, N, RANGE_TRAIN_DECAY},
};

/* An optimizer of `ranges`, each a tensor, all without a group. */
static inline void optim_of(struct optim *optim, const struct optim_options *options,
                            const struct range *ranges, size_t count)
{
    *optim = (struct optim){.options = options};
    for (size_t r = 0; r < count; r++)
        optim_add(optim, ranges[r].begin, ranges[r].end, ranges[r].rule, NULL, 0);
}

static inline enum range_rule rule_of(size_t i)
{
    int r = 0;
    while (i >= mixed_range[r].end)
        r++;
    return mixed_range[r].rule;
}

static inline bool trained(size_t i)
{
    return RANGES_TRAINED & RANGE_BIT(rule_of(i));
}

static inline void fill(struct vectors *v)
{
    struct rng rng;
    rng_init(&rng, 4, RNG_TEST, 0, 0);
    memset(v, 0, sizeof(*v));
    for (int i = 0; i < N; i++) {
        v->params[i] = rng_normal(&rng);
        v->ema[i] = v->params[i];
    }
}

static inline float grad_size(int i)
{
    return (float)pow(10, i % 5 - 2);
}

/* Gradients of step t, of very different sizes; some are exactly zero. */
static inline void fill_grads(struct vectors *v, uint64_t t)
{
    struct rng rng;
    rng_init(&rng, 4, RNG_TEST, (uint32_t)t, 1);
    for (int i = 0; i < N; i++)
        v->grads[i] = i % 7 == 0 ? 0.0f : rng_normal(&rng) * grad_size(i);
}

static inline struct optim_update update_of(struct vectors *v, uint64_t step, bool ema)
{
    return (struct optim_update){
        .params = v->params,
        .grads = v->grads,
        .state = {v->state[0], v->state[1], v->state[2]},
        .ema = ema ? v->ema : NULL,
        .ema_decay = 0.99,
        .lr = 0.02 / (double)step,
        .grad_scale = 0.25,
        .step = step,
    };
}

/* One whole step by a team of `members`. */
static inline void optim_step(struct optim *optim, const struct optim_update *update,
                              int members)
{
    for (int m = 0; m < members; m++) {
        const struct team team = {.size = members, .index = m};
        optim_measure(optim, update, &team);
    }
    for (size_t m = 0, n = (size_t)members; m < n; m++)
        optim_apply(optim, update, N * m / n, N * (m + 1) / n);
}

static inline void check_close(double got, double expected, double scale)
{
    if (!(fabs(got - expected) <= 2e-6 * (scale + fabs(expected))))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

/* Runs the tests with every instruction set of this machine. */
static inline int run_with_each(int (*run)(void))
{
    int failures = 0;
    for (enum cpu_isa isa = CPU_PLAIN; isa <= cpu_isa(); isa++)
        failures += kernels_select(isa) ? run() : 0;
    return failures != 0;
}

#endif
