#include "lab/conv_speed.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/timer.h"

#define SPEED_RUNS    40  /* at most */
#define SPEED_LEAST   5   /* runs */
#define SPEED_SECONDS 0.1 /* of runs, unless they are fewer than SPEED_LEAST */

#define SQUARE(size, in, out, filter, stride, pad)                                  \
    {                                                                               \
        .h = size, .w = size, .c = in, .k = out, WINDOW_SQUARE(filter, stride, pad) \
    }

static const struct conv_speed_shape speed_shapes[] = {
    {"3x3, 32x32, 16", SQUARE(32, 16, 16, 3, 1, 1)},
    {"3x3, 32x32, 64", SQUARE(32, 64, 64, 3, 1, 1)},
    {"3x3, 16x16, 128", SQUARE(16, 128, 128, 3, 1, 1)},
    {"3x3, 8x8, 256", SQUARE(8, 256, 256, 3, 1, 1)},
    {"3x3, 4x4, 512", SQUARE(4, 512, 512, 3, 1, 1)},
    {"3x3, 56x56, 64", SQUARE(56, 64, 64, 3, 1, 1)},
    {"3x3, 28x28, 128", SQUARE(28, 128, 128, 3, 1, 1)},
    {"3x3, 14x14, 256", SQUARE(14, 256, 256, 3, 1, 1)},
    {"3x3, 7x7, 512", SQUARE(7, 512, 512, 3, 1, 1)},
    {"1x1, 56x56, 64->256", SQUARE(56, 64, 256, 1, 1, 0)},
    {"1x1, 28x28, 512->128", SQUARE(28, 512, 128, 1, 1, 0)},
    {"1x1, 14x14, 256->1024", SQUARE(14, 256, 1024, 1, 1, 0)},
    {"3x3 by 2, 56x56, 64->128", SQUARE(56, 64, 128, 3, 2, 1)},
    {"7x7 by 2, 224x224, 3->64", SQUARE(224, 3, 64, 7, 2, 3)},
    {"3x3, 32x32, 3->64", SQUARE(32, 3, 64, 3, 1, 1)},
};

const struct conv_speed_shape *conv_speed_shape(int i)
{
    int count = (int)(sizeof speed_shapes / sizeof *speed_shapes);
    return i < count ? &speed_shapes[i] : NULL;
}

double conv_speed_flops(const struct conv_shape *shape)
{
    return 2.0 * shape->p * shape->q * shape->k * (double)conv_taps(shape);
}

static float *speed_random(size_t count, uint32_t purpose)
{
    struct rng rng;
    float *values = mem_aligned(count, sizeof *values);
    rng_init(&rng, 1, RNG_TEST, purpose, 0);
    for (size_t i = 0; i < count; i++)
        values[i] = rng_range(&rng, -1.0f, 1.0f);
    return values;
}

static int speed_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The lower quartile of some runs; the first one only warms up. */
static double speed_seconds(const struct conv_algorithm *algorithm,
                            const struct conv_shape *shape,
                            const struct conv_operands *operands)
{
    const struct team alone = {.size = 1};
    double seconds[SPEED_RUNS], sum = 0;
    int runs = 0;
    algorithm->run(&alone, shape, operands);
    while (runs < SPEED_RUNS && (runs < SPEED_LEAST || sum < SPEED_SECONDS)) {
        double begin = timer_thread();
        algorithm->run(&alone, shape, operands);
        seconds[runs] = timer_thread() - begin;
        sum += seconds[runs++];
    }
    qsort(seconds, (size_t)runs, sizeof *seconds, speed_compare);
    return seconds[runs / 4];
}

double conv_speed_measure(const struct conv_algorithm *algorithm,
                          const struct conv_shape *shape)
{
    size_t xs = (size_t)shape->n * (size_t)(shape->h * shape->w * shape->c);
    size_t ys = (size_t)shape->n * (size_t)(shape->p * shape->q * shape->k);
    size_t ws = (size_t)shape->k * conv_taps(shape);
    const size_t outs[CONV_PASSES] = {ys, xs, ws};
    float *x = speed_random(xs, 0), *dy = speed_random(ys, 1), *w = speed_random(ws, 2);
    float *out = mem_aligned(outs[algorithm->pass], sizeof *out), *packed = NULL;
    void *scratch = mem_aligned(algorithm->scratch(shape, 1), 1);
    if (algorithm->packed) {
        packed = mem_aligned(algorithm->packed(shape), sizeof *packed);
        algorithm->pack(&(struct team){.size = 1}, shape, packed, w);
    }
    const struct conv_operands operands = {.out = out,
                                           .in = algorithm->pass == CONV_DATA ? dy : x,
                                           .dy = dy,
                                           .packed = packed,
                                           .scratch = scratch};
    double seconds = speed_seconds(algorithm, shape, &operands) / shape->n;
    free(scratch);
    free(packed);
    free(out);
    free(w);
    free(dy);
    free(x);
    return seconds;
}
