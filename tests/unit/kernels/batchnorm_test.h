/* batchnorm_test: a grain of a norm, and its passes, block by block. Include
   kernel_test.h first. */
#ifndef LOCKSTEP_TESTS_BATCHNORM_TEST_H
#define LOCKSTEP_TESTS_BATCHNORM_TEST_H

#include "kernels/batchnorm.h"

struct norm_case {
    struct batchnorm_shape shape;
    int images; /* of a block */
    size_t count;
    bool given, affine;
    float *x, *dy, *weight, *bias, *running;
    float *y, *dx, *mean, *variance, *dweight, *dbias; /* results */
    void *room;
};

static inline void case_init(struct norm_case *t, struct batchnorm_shape shape,
                             struct rng *rng)
{
    size_t c = (size_t)shape.c;
    t->shape = shape;
    t->images = shape.n;
    t->count = (size_t)(shape.n * shape.pixels) * c;
    t->x = random_floats(rng, t->count);
    t->dy = random_floats(rng, t->count);
    t->weight = random_floats(rng, c);
    t->bias = random_floats(rng, c);
    t->running = random_floats(rng, 2 * c);
    for (size_t i = 0; i < t->count; i++)
        t->x[i] = 3.0f * t->x[i] + (float)(i % c); /* every channel its own mean */
    for (size_t i = c; i < 2 * c; i++)
        t->running[i] = fabsf(t->running[i]) + 0.1f;
    t->y = poisoned_floats(t->count);
    t->dx = poisoned_floats(t->count);
    t->mean = poisoned_floats(c);
    t->variance = poisoned_floats(c);
    t->dweight = poisoned_floats(c);
    t->dbias = poisoned_floats(c);
    t->room = mem_aligned(batchnorm_room_bytes(&shape), 1);
}

static inline void case_release(struct norm_case *t)
{
    float *all[] = {t->x,  t->dy,   t->weight,   t->bias,    t->running, t->y,
                    t->dx, t->mean, t->variance, t->dweight, t->dbias};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(t->room);
}

static inline struct batchnorm_by case_by(const struct norm_case *t)
{
    return (struct batchnorm_by){
        .mean = t->given ? t->running : t->mean,
        .variance = t->given ? t->running + t->shape.c : t->variance,
        .weight = t->affine ? t->weight : NULL,
        .bias = t->affine ? t->bias : NULL,
        .epsilon = 1e-3f,
    };
}

/* --- passes of a grain, block by block --- */

static inline struct span case_block(const struct norm_case *t, int first)
{
    int end = first + t->images;
    return (struct span){first, end < t->shape.n ? end : t->shape.n};
}

/* Where a block's values begin. */
static inline size_t case_at(const struct norm_case *t, int first)
{
    return (size_t)first * (size_t)(t->shape.pixels * t->shape.c);
}

static inline void run_moments(const struct team *team, const struct norm_case *t)
{
    for (int i = 0; i < t->shape.n; i += t->images)
        batchnorm_gather(team, &t->shape, case_block(t, i), t->x + case_at(t, i),
                         t->room);
    batchnorm_settle(team, &t->shape, t->mean, t->variance, t->room);
}

static inline void run_forward(const struct team *team, const struct norm_case *t,
                               float *y, const float *z, const struct batchnorm_by *by)
{
    batchnorm_set_line(team, &t->shape, by, t->room);
    for (int i = 0; i < t->shape.n; i += t->images) {
        size_t at = case_at(t, i);
        const struct batchnorm_values values = {y + at, t->x + at, z ? z + at : NULL};
        batchnorm_emit(team, &t->shape, case_block(t, i), &values, by, t->room);
    }
}

static inline struct batchnorm_gradient
case_gradient(const struct batchnorm_gradient *all, size_t at)
{
    struct batchnorm_gradient block = *all;
    block.dx = all->dx ? all->dx + at : NULL;
    block.dz = all->dz ? all->dz + at : NULL;
    block.x += at;
    block.dy += at;
    block.y = all->y ? all->y + at : NULL;
    return block;
}

static inline void run_backward(const struct team *team, const struct norm_case *t,
                                const struct batchnorm_gradient *gradient,
                                const struct batchnorm_by *by)
{
    batchnorm_set_line(team, &t->shape, by, t->room);
    for (int i = 0; i < t->shape.n; i += t->images) {
        const struct batchnorm_gradient block = case_gradient(gradient, case_at(t, i));
        batchnorm_gather_back(team, &t->shape, case_block(t, i), &block, by, t->room);
    }
    batchnorm_settle_back(team, &t->shape, gradient, by, t->room);
    for (int i = 0; i < t->shape.n; i += t->images) {
        const struct batchnorm_gradient block = case_gradient(gradient, case_at(t, i));
        batchnorm_emit_back(team, &t->shape, case_block(t, i), &block, by, t->room);
    }
}

/* The same where mean and variance are given. */
static inline void run_backward_given(const struct team *team, const struct norm_case *t,
                                      const struct batchnorm_gradient *gradient,
                                      const struct batchnorm_by *by)
{
    batchnorm_set_line(team, &t->shape, by, t->room);
    for (int i = 0; i < t->shape.n; i += t->images) {
        const struct batchnorm_gradient block = case_gradient(gradient, case_at(t, i));
        batchnorm_back_given(team, &t->shape, case_block(t, i), &block, by, t->room);
    }
    batchnorm_settle_back(team, &t->shape, gradient, by, t->room);
}

#endif
