/* microbench: operations, by threads and by vectors. */
#include <math.h>
#include <stdlib.h>

#include "base/div.h"
#include "base/mem.h"
#include "base/timer.h"
#include "kernels/activation.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"
#include "lab/microbench.h"
#include "lab/stopwatch.h"

#define OP_REPEATS       15
#define OP_TURNS         45   /* some are disturbed by other work */
#define OP_SHORT         1e-5 /* seconds: shorter operations are timed several at once */
#define BREAKEVEN_LEAST  64   /* elements: the unit in which kernels divide work */
#define BREAKEVEN_HALVES 3    /* steps of the bisection */
#define OP_CLASSES       26

static const char *const op_names[] = {"relu forward",  "relu backward", "gelu forward",
                                       "gelu backward", "dropout",       "maxpool 2x2",
                                       "log-softmax"};

const char *microbench_op_name(enum microbench_op op)
{
    return op_names[op];
}

/* A timed series of one operation. */
struct op_series {
    enum microbench_op op;
    struct microbench_buffers buffers;
    int threads, passes; /* passes are timed together */
    double seconds;      /* of a pass */
    bool clean;          /* not disturbed by other work */
    struct stopwatch watch;
    struct team_shared shared;
};

void microbench_buffers_init(struct microbench_buffers *b, size_t n)
{
    *b =
        (struct microbench_buffers){.n = n, .room = (n + 64) * 4}; /* pooling reads 4 n */
    b->x = mem_aligned(b->room, sizeof(float));
    b->y = mem_aligned(b->room, sizeof(float));
    b->z = mem_aligned(b->room, sizeof(float));
    b->bytes = mem_zeroed(b->room, 1);
    for (size_t i = 0; i < b->room; i++)
        b->x[i] = (float)(i % 61) / 61 - 0.4f;
}

void microbench_buffers_release(struct microbench_buffers *b)
{
    free(b->x);
    free(b->y);
    free(b->z);
    free(b->bytes);
}

static void op_run_maxpool(const struct microbench_buffers *b, const struct team *team)
{
    struct pool_shape shape = {.n = (int)div_up_u64(b->n, KERNELS_GROUP),
                               .h = 2,
                               .w = 2,
                               .c = KERNELS_GROUP,
                               WINDOW_SQUARE(2, 2, 0)};
    pool_shape_complete(&shape);
    maxpool_forward(team, &shape, b->y, b->bytes, b->x);
}

void microbench_op_run(enum microbench_op op, const struct microbench_buffers *b,
                       const struct team *team)
{
    int rows = (int)div_up_u64(b->n, OP_CLASSES);
    switch (op) {
    case OP_RELU:
        relu_forward(team, b->y, b->x, b->n);
        break;
    case OP_RELU_BACK:
        relu_backward(team, b->z, b->x, b->y, b->n);
        break;
    case OP_GELU:
        gelu_forward(team, b->y, b->z, b->x, b->n);
        break;
    case OP_GELU_BACK:
        gelu_backward(team, b->y, b->x, b->z, b->n);
        break;
    case OP_DROPOUT:
        dropout_apply(team, b->y, b->x, b->bytes, 2.0f, b->n);
        break;
    case OP_MAXPOOL:
        op_run_maxpool(b, team);
        break;
    default:
        logsoftmax_forward(team, b->y, b->x, rows, OP_CLASSES);
    }
}

static struct team op_series_member(struct op_series *series, int thread)
{
    return (struct team){
        .size = series->threads, .index = thread, .shared = &series->shared};
}

static void op_series_pass(void *context, int thread)
{
    struct op_series *series = context;
    struct team team = op_series_member(series, thread);
    microbench_op_run(series->op, &series->buffers, &team);
}

static void op_series_inside(void *context, int thread)
{
    struct op_series *series = context;
    struct team team = op_series_member(series, thread);
    microbench_op_run(series->op, &series->buffers, &team);
    stopwatch_begin(&series->watch, &team);
    for (int i = 0; i < series->passes; i++)
        microbench_op_run(series->op, &series->buffers, &team);
    double seconds = stopwatch_end(&series->watch, &team);
    if (thread == 0) {
        series->seconds = seconds / series->passes;
        series->clean = series->watch.undisturbed;
    }
}

static void op_series_own_regions(struct op_series *series)
{
    team_run(series->threads, op_series_pass, series);
    double begin = timer_now();
    for (int i = 0; i < series->passes; i++)
        team_run(series->threads, op_series_pass, series);
    series->seconds = (timer_now() - begin) / series->passes;
}

static struct op_series *op_series_create(enum microbench_op op, size_t n)
{
    struct op_series *series = mem_aligned(1, sizeof *series);
    series->op = op;
    series->threads = series->passes = 1;
    microbench_buffers_init(&series->buffers, n);
    op_series_inside(series, 0);
    op_series_inside(series, 0);
    if (series->seconds < OP_SHORT)
        series->passes = (int)(OP_SHORT / (series->seconds + 1e-8)) + 1;
    return series;
}

static void op_series_free(struct op_series *series)
{
    microbench_buffers_release(&series->buffers);
    free(series);
}

/* The three ways of running it take turns. */
struct microbench_times microbench_op(enum microbench_op op, size_t n, int threads)
{
    struct op_series *series = op_series_create(op, n);
    struct sample_values *values = mem_zeroed(3, sizeof *values);
    for (int i = 0; i < OP_TURNS && values[1].clean < OP_REPEATS; i++) {
        series->threads = 1;
        op_series_inside(series, 0);
        sample_add(&values[0], series->seconds, series->clean);
        series->threads = threads;
        team_run(threads, op_series_inside, series);
        bool clean = series->clean;
        sample_add(&values[1], series->seconds, clean);
        op_series_own_regions(series);
        sample_add(&values[2], series->seconds, clean);
    }
    struct microbench_times times = {.alone = sample_take(&values[0]),
                                     .inside = sample_take(&values[1]),
                                     .region = sample_take(&values[2])};
    op_series_free(series);
    free(values);
    return times;
}

static bool breakeven_threads_faster(enum microbench_op op, size_t n, int threads,
                                     bool region)
{
    struct microbench_times times = microbench_op(op, n, threads);
    return (region ? times.region.median : times.inside.median) < times.alone.median;
}

/* Between a size at which threads are slower and one at which they are faster. */
static size_t breakeven_bisect(enum microbench_op op, size_t slower, size_t faster,
                               int threads, bool region)
{
    for (int i = 0; i < BREAKEVEN_HALVES; i++) {
        size_t middle = (slower + faster) / 2 / BREAKEVEN_LEAST * BREAKEVEN_LEAST;
        if (middle <= slower || middle >= faster)
            break;
        if (breakeven_threads_faster(op, middle, threads, region))
            faster = middle;
        else
            slower = middle;
    }
    return faster;
}

struct microbench_breakeven microbench_breakeven(enum microbench_op op, int threads)
{
    struct microbench_breakeven found = {0};
    for (size_t n = BREAKEVEN_LEAST; n <= MICROBENCH_MOST; n *= 2) {
        struct microbench_times times = microbench_op(op, n, threads);
        if (!found.inside && times.inside.median < times.alone.median)
            found.inside =
                n == BREAKEVEN_LEAST ? n : breakeven_bisect(op, n / 2, n, threads, false);
        if (!found.region && times.region.median < times.alone.median)
            found.region =
                n == BREAKEVEN_LEAST ? n : breakeven_bisect(op, n / 2, n, threads, true);
        if (found.inside && found.region)
            break;
    }
    return found;
}

/* --- vectors --- */

/* The compiler must not vectorise the scalar loop. */
#ifdef __clang__
#define SCALAR
#else
#define SCALAR __attribute__((optimize("no-tree-vectorize")))
#endif

SCALAR void microbench_scalar(enum microbench_op op, float *y, const float *x, size_t n)
{
    if (op == OP_RELU)
        for (size_t i = 0; i < n; i++)
            y[i] = x[i] <= 0.0f ? 0.0f : x[i];
    else
        for (size_t i = 0; i < n; i++)
            y[i] = 0.5f * x[i] * erfcf(-0.70710678f * x[i]);
}

void microbench_vector(enum microbench_op op, float *y, const float *x, size_t n)
{
    if (op == OP_RELU)
        kernels()->relu_forward(y, x, n);
    else
        kernels()->gelu_forward(y, NULL, x, n);
}

static double op_vector_seconds(const struct op_series *series,
                                void (*run)(enum microbench_op op, float *y,
                                            const float *x, size_t n))
{
    const struct microbench_buffers *b = &series->buffers;
    run(series->op, b->y, b->x, b->n);
    double begin = timer_now();
    for (int i = 0; i < series->passes; i++)
        run(series->op, b->y, b->x, b->n);
    return (timer_now() - begin) / series->passes;
}

double microbench_vector_gain(enum microbench_op op, size_t n)
{
    struct op_series *series = op_series_create(op, n);
    double scalar[OP_REPEATS], vector[OP_REPEATS];
    for (int i = 0; i < OP_REPEATS; i++) {
        scalar[i] = op_vector_seconds(series, microbench_scalar);
        vector[i] = op_vector_seconds(series, microbench_vector);
    }
    op_series_free(series);
    return timer_median(scalar, OP_REPEATS) / timer_median(vector, OP_REPEATS);
}
