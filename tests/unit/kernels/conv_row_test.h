/* conv_row_test: each row of the table of conv_algorithm.h on many shapes. Include
   kernel_test.h first. */
#ifndef LOCKSTEP_TESTS_CONV_ROW_TEST_H
#define LOCKSTEP_TESTS_CONV_ROW_TEST_H

#include "kernels/conv_algorithm.h"

/* One row of the table on one shape. */
struct row_case {
    const struct conv_algorithm *row;
    struct conv_shape shape;
    size_t xs, ys, ws, outs; /* floats */
    float *x, *w, *bias, *dy;
    float *out;
    const struct prologue *prologue;
    enum activation activation;
    bool goes_on;
};

static inline void case_init(struct row_case *t, const struct conv_algorithm *row,
                             struct conv_shape shape, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed, RNG_TEST, 0, 0);
    conv_shape_complete(&shape);
    *t = (struct row_case){.row = row, .shape = shape};
    t->xs = (size_t)(shape.n * shape.h * shape.w * shape.c);
    t->ys = (size_t)(shape.n * shape.p * shape.q * shape.k);
    t->ws = (size_t)shape.k * conv_taps(&shape);
    const size_t outs[] = {t->ys, t->xs, t->ws};
    t->outs = outs[row->pass];
    t->x = random_floats(&rng, t->xs);
    t->w = random_floats(&rng, t->ws);
    t->bias = random_floats(&rng, (size_t)shape.k);
    t->dy = random_floats(&rng, t->ys);
    t->out = poisoned_floats(t->outs);
}

static inline void case_release(struct row_case *t)
{
    float *all[] = {t->x, t->w, t->bias, t->dy, t->out};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

struct row_job {
    struct row_case *t;
    struct conv_operands operands;
    float *packed;
};

static inline void row_member(const struct team *team, void *context)
{
    const struct row_job *job = context;
    if (job->packed)
        job->t->row->pack(team, &job->t->shape, job->packed, job->t->w);
    job->t->row->run(team, &job->t->shape, &job->operands);
}

/* Packs and computes t->out by a team. */
static inline void case_run(struct row_case *t, int size, enum split split)
{
    const struct conv_algorithm *row = t->row;
    struct row_job job = {.t = t};
    void *scratch = poisoned_floats(row->scratch(&t->shape, size) / sizeof(float) + 1);
    if (row->packed)
        job.packed = poisoned_floats(row->packed(&t->shape));
    job.operands =
        (struct conv_operands){.out = t->out,
                               .in = row->pass == CONV_DATA ? t->dy : t->x,
                               .dy = t->dy,
                               .packed = job.packed,
                               .bias = row->pass == CONV_FORWARD ? t->bias : NULL,
                               .prologue = t->prologue,
                               .activation = t->activation,
                               .goes_on = t->goes_on,
                               .scratch = scratch};
    with_split(split, size, row_member, &job);
    free(scratch);
    free(job.packed);
}

/* Odd sizes, tails of tiles, panels, vectors and blocks; images smaller than a tile; many
   images in a block; strides that leave pixels out; filters larger than the image. */
static const struct conv_shape chosen[] = {
    {.n = 1, .h = 1, .w = 1, .c = 1, .k = 1, WINDOW_SQUARE(1, 1, 0)},
    {.n = 2, .h = 9, .w = 7, .c = 48, .k = 33, WINDOW_SQUARE(1, 1, 0)},
    {.n = 3, .h = 6, .w = 5, .c = 150, .k = 130, WINDOW_SQUARE(1, 1, 0)},
    {.n = 2, .h = 9, .w = 7, .c = 20, .k = 33, WINDOW_SQUARE(1, 2, 0)},
    {.n = 3, .h = 12, .w = 9, .c = 16, .k = 16, WINDOW_SQUARE(3, 1, 1)},
    {.n = 2, .h = 8, .w = 8, .c = 40, .k = 72, WINDOW_SQUARE(3, 1, 1)},
    {.n = 37, .h = 4, .w = 4, .c = 17, .k = 21, WINDOW_SQUARE(3, 1, 1)},
    {.n = 5, .h = 7, .w = 7, .c = 33, .k = 65, WINDOW_SQUARE(3, 1, 1)},
    {.n = 4, .h = 2, .w = 3, .c = 9, .k = 20, WINDOW_SQUARE(3, 1, 2)},
    {.n = 2, .h = 13, .w = 13, .c = 5, .k = 12, WINDOW_SQUARE(3, 1, 0)},
    {.n = 2, .h = 3, .w = 3, .c = 3, .k = 3, WINDOW_SQUARE(3, 1, 0)},
    {.n = 2, .h = 1, .w = 1, .c = 2, .k = 5, WINDOW_SQUARE(3, 1, 1)},
    {.n = 2, .h = 14, .w = 13, .c = 24, .k = 40, WINDOW_SQUARE(3, 2, 1)},
    {.n = 2, .h = 23, .w = 20, .c = 3, .k = 24, WINDOW_SQUARE(7, 2, 3)},
    {.n = 2, .h = 10, .w = 11, .c = 6, .k = 18, WINDOW_SQUARE(5, 1, 2)},
    {.n = 2,
     .h = 11,
     .w = 12,
     .c = 7,
     .k = 9,
     .r = WINDOW(2, 3, 1),
     .s = WINDOW(5, 3, 1)},
    {.n = 3, .h = 8, .w = 8, .c = 3, .k = 20, WINDOW_SQUARE(4, 4, 0)},
    {.n = 2, .h = 2, .w = 2, .c = 9, .k = 20, WINDOW_SQUARE(5, 2, 4)},
    {.n = 2, .h = 5, .w = 5, .c = 4, .k = 6, WINDOW_SQUARE(1, 3, 1)},
    {.n = 2, .h = 7, .w = 9, .c = 3, .k = 18, .r = {3, 2, 0, 1, 1}, .s = {3, 1, 1}},
    {.n = 2, .h = 6, .w = 9, .c = 19, .k = 18, .r = {3, 1, 0, 1, 1}, .s = {3, 1, 1}},
    {.n = 2, .h = 9, .w = 8, .c = 7, .k = 9, .r = {3, 1, 2, 0, 2}, .s = {5, 2, 4, 1, 3}},
    {.n = 2, .h = 8, .w = 7, .c = 12, .k = 20, WINDOW_SQUARE(3, 1, 1), .groups = 4},
    {.n = 1, .h = 40, .w = 40, .c = 2, .k = 8, WINDOW_SQUARE(3, 1, 1)},
    {.n = 2, .h = 9, .w = 7, .c = 12, .k = 9, WINDOW_SQUARE(1, 1, 0), .groups = 3},
    {.n = 2, .h = 9, .w = 11, .c = 64, .k = 64, WINDOW_SQUARE(3, 2, 1), .groups = 8},
    {.n = 2, .h = 7, .w = 6, .c = 10, .k = 150, WINDOW_SQUARE(3, 1, 1), .groups = 2},
    {.n = 2, .h = 9, .w = 8, .c = 4, .k = 8, WINDOW_SQUARE(3, 1, 1), .groups = 4},
    {.n = 2,
     .h = 11,
     .w = 13,
     .c = 5,
     .k = 7,
     .r = {3, 2, 2, 0, 3},
     .s = {4, 3, 5, 1, 2}},
    {.n = 2,
     .h = 12,
     .w = 10,
     .c = 6,
     .k = 9,
     .r = {2, 4, 3, 0, 6},
     .s = {3, 2, 2, 0, 4}},
    {.n = 2,
     .h = 11,
     .w = 9,
     .c = 8,
     .k = 12,
     .r = {3, 1, 2, 0, 2},
     .s = {3, 2, 3, 0, 3},
     .groups = 2},
    {.n = 1, .h = 6, .w = 31, .c = 3, .k = 5, .r = {1, 1, 0}, .s = {5, 1, 0, 0, 7}},
};

/* Images that end with a run of pixels. */
static const struct conv_shape of_runs[] = {
    {.n = 3, .h = 16, .w = 16, .c = 5, .k = 7, WINDOW_SQUARE(1, 1, 0)},
    {.n = 4, .h = 18, .w = 40, .c = 150, .k = 40, WINDOW_SQUARE(1, 1, 0)},
    {.n = 3, .h = 32, .w = 32, .c = 6, .k = 70, WINDOW_SQUARE(3, 1, 1), .groups = 2},
    {.n = 3, .h = 32, .w = 32, .c = 20, .k = 20, WINDOW_SQUARE(3, 2, 1), .groups = 20},
    {.n = 3, .h = 9, .w = 7, .c = 33, .k = 33, WINDOW_SQUARE(5, 1, 2), .groups = 33},
    {.n = 3, .h = 5, .w = 7, .c = 3, .k = 3, WINDOW_SQUARE(4, 1, 1), .groups = 3},
};
#define CHOSEN (int)(sizeof chosen / sizeof *chosen)

/* for (each row of the table on each chosen shape that it fits) */
#define EACH_ROW(row, i)                                                        \
    for (int row##_ = 0; conv_algorithm_row(row##_); row##_++)                  \
        for (int i = 0; i < CHOSEN; i++)                                        \
            for (const struct conv_algorithm *row = conv_algorithm_row(row##_); \
                 row && row->fits(&chosen[i]); row = NULL)

static inline bool row_is_portable(const struct conv_algorithm *row)
{
    return strcmp(row->name, "blas") != 0;
}

#endif
