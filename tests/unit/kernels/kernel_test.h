/*
 * kernel_test: what the kernels' tests share.
 */
#ifndef LOCKSTEP_TESTS_KERNEL_TEST_H
#define LOCKSTEP_TESTS_KERNEL_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "kernels/kernels.h"
#include "kernels/team.h"

/* An operation of a team on what `context` points to. */
struct team_job {
    void (*op)(const struct team *team, void *context);
    void *context;
    int size;
    enum split split;
    struct team_shared shared;
};

static inline void team_job_body(void *context, int thread)
{
    struct team_job *job = context;
    struct team team = {
        .size = job->size, .index = thread, .shared = &job->shared, .split = job->split};
    job->op(&team, job->context);
}

static inline void with_split(enum split split, int size,
                              void (*op)(const struct team *team, void *context),
                              void *context)
{
    struct team_job job = {.op = op, .context = context, .size = size, .split = split};
    team_run(size, team_job_body, &job);
}

static inline void with_team(int size, void (*op)(const struct team *team, void *context),
                             void *context)
{
    with_split(SPLIT_AUTO, size, op, context);
}

/* Uniform in [-1, 1); the caller frees. */
static inline float *random_floats(struct rng *rng, size_t count)
{
    float *values = mem_aligned(count, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = rng_range(rng, -1.0f, 1.0f);
    return values;
}

/* Room for a result, poisoned so that an element left out is seen. */
static inline float *poisoned_floats(size_t count)
{
    float *values = mem_aligned(count, sizeof *values);
    memset(values, 0xff, count * sizeof *values);
    return values;
}

static inline void assert_near(const float *a, const float *b, size_t count, double limit)
{
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)a[i] - (double)b[i]) <= limit))
            fail_msg("element %zu of %zu: %.9g is not %.9g within %g", i, count,
                     (double)a[i], (double)b[i], limit);
}

static inline double inner_product(const float *a, const float *b, size_t count)
{
    double sum = 0.0;
    for (size_t i = 0; i < count; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Bound for a float sum of `terms` products of values in [-1, 1): roundings only. */
static inline double sum_limit(size_t terms)
{
    return 2e-7 * (double)(terms + 10);
}

static inline int random_between(struct rng *rng, int lo, int hi)
{
    return lo + (int)rng_below(rng, (uint32_t)(hi - lo + 1));
}

/* A window that fits `inputs`: any stride, padding on one or both sides; dilated if
   `most_dilation` is more than 1. Every output sees some of the image. */
static inline struct window random_window(struct rng *rng, int inputs, int most_size,
                                          int most_dilation)
{
    for (;;) {
        struct window w = {.size = random_between(rng, 1, most_size),
                           .stride = random_between(rng, 1, 4),
                           .dilation = random_between(rng, 1, most_dilation),
                           .extra = random_between(rng, 0, 1)};
        w.pad = random_between(rng, 0, w.size / 2);
        if (random_between(rng, 0, 3) == 0)
            window_pad_same(&w, inputs);
        int last = window_first(&w, window_outputs(&w, inputs) - 1);
        if (window_reach(&w) <= window_padded(&w, inputs) && last < inputs)
            return w;
    }
}

/* for (each instruction set of this machine) */
#define EACH_ISA(isa)                                           \
    for (enum cpu_isa isa = CPU_PLAIN; isa <= cpu_isa(); isa++) \
        if (kernels_select(isa))

/* Sanitizers look at memory, not at numbers, and take fifty times as long: some of the
   teams and random shapes are enough for them. */
#ifdef __SANITIZE_ADDRESS__
#define TEAM_FIRST       2
#define TEAM_STEP        3
#define RANDOM_SHAPES(n) ((n) / 5)
#else
#define TEAM_FIRST       1
#define TEAM_STEP        1
#define RANDOM_SHAPES(n) (n)
#endif

/* for (each size of a team, with each split) */
#define EACH_TEAM(size, split)                               \
    for (int size = TEAM_FIRST; size < 6; size += TEAM_STEP) \
        for (enum split split = SPLIT_AUTO; split < SPLITS; split++)

#endif
