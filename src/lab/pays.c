/* From how many elements threads, and vectors, begin to pay. */
#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/timer.h"
#include "kernels/activation.h"
#include "kernels/kernels.h"
#include "kernels/pool.h"
#include "lab/microbench.h"
#include "lab/stopwatch.h"

#define REPEATS    15
#define MOST_TURNS 45   /* some are disturbed by other work */
#define SHORT      1e-5 /* seconds: what is shorter is timed several times at once */
#define LEAST      64   /* elements: one unit of the kernels' sharing out */
#define HALVES     3    /* steps of the bisection */
#define CLASSES    26

static const char *const op_names[] = {"relu forward",  "relu backward", "gelu forward",
                                       "gelu backward", "dropout",       "maxpool 2x2",
                                       "log-softmax"};

const char *microbench_op_name(enum microbench_op op)
{
    return op_names[op];
}

struct op_job {
    enum microbench_op op;
    size_t n;
    int threads, passes;
    float *x, *y, *z;
    uint8_t *bytes;
    double seconds;
    bool clean;
    struct stopwatch watch;
    struct team_shared shared;
};

static void run_pool(const struct op_job *job, const struct team *team)
{
    struct pool_shape shape = {.n = (int)((job->n + KERNELS_GROUP - 1) / KERNELS_GROUP),
                               .h = 2,
                               .w = 2,
                               .c = KERNELS_GROUP,
                               .size = 2,
                               .stride = 2};
    pool_shape_complete(&shape);
    maxpool_forward(team, &shape, job->y, job->bytes, job->x);
}

static void run_op(const struct op_job *job, const struct team *team)
{
    switch (job->op) {
    case OP_RELU:
        relu_forward(team, job->y, job->x, job->n);
        break;
    case OP_RELU_BACK:
        relu_backward(team, job->z, job->x, job->y, job->n);
        break;
    case OP_GELU:
        gelu_forward(team, job->y, job->z, job->x, job->n);
        break;
    case OP_GELU_BACK:
        gelu_backward(team, job->y, job->x, job->z, job->n);
        break;
    case OP_DROPOUT:
        dropout_apply(team, job->y, job->x, job->bytes, 2.0f, job->n);
        break;
    case OP_MAXPOOL:
        run_pool(job, team);
        break;
    default:
        logsoftmax_forward(team, job->y, job->x, (int)((job->n + CLASSES - 1) / CLASSES),
                           CLASSES);
    }
}

static struct team member(struct op_job *job, int thread)
{
    return (struct team){.size = job->threads, .index = thread, .shared = &job->shared};
}

static void once(void *context, int thread)
{
    struct op_job *job = context;
    struct team team = member(job, thread);
    run_op(job, &team);
}

static void inside(void *context, int thread)
{
    struct op_job *job = context;
    struct team team = member(job, thread);
    run_op(job, &team);
    stopwatch_begin(&job->watch, &team);
    for (int i = 0; i < job->passes; i++)
        run_op(job, &team);
    double seconds = stopwatch_end(&job->watch, &team);
    if (thread == 0) {
        job->seconds = seconds / job->passes;
        job->clean = job->watch.alone;
    }
}

static void own_regions(struct op_job *job)
{
    team_run(job->threads, once, job);
    double begin = timer_now();
    for (int i = 0; i < job->passes; i++)
        team_run(job->threads, once, job);
    job->seconds = (timer_now() - begin) / job->passes;
}

static void op_init(struct op_job *job, enum microbench_op op, size_t n)
{
    size_t room = (n + 64) * 4; /* pooling reads four */
    *job = (struct op_job){.op = op, .n = n, .threads = 1, .passes = 1};
    job->x = mem_aligned(room, sizeof(float));
    job->y = mem_aligned(room, sizeof(float));
    job->z = mem_aligned(room, sizeof(float));
    job->bytes = mem_zeroed(room, 1);
    for (size_t i = 0; i < room; i++)
        job->x[i] = (float)(i % 61) / 61 - 0.4f;
    inside(job, 0);
    inside(job, 0);
    if (job->seconds < SHORT)
        job->passes = (int)(SHORT / (job->seconds + 1e-8)) + 1;
}

static void op_release(struct op_job *job)
{
    free(job->x);
    free(job->y);
    free(job->z);
    free(job->bytes);
}

/* The three take turns. */
struct microbench_times microbench_op(enum microbench_op op, size_t n, int threads)
{
    struct op_job *job = mem_aligned(1, sizeof *job);
    struct sample_values *values = mem_zeroed(3, sizeof *values);
    op_init(job, op, n);
    for (int i = 0; i < MOST_TURNS && values[1].clean < REPEATS; i++) {
        job->threads = 1;
        inside(job, 0);
        sample_add(&values[0], job->seconds, job->clean);
        job->threads = threads;
        team_run(threads, inside, job);
        bool clean = job->clean;
        sample_add(&values[1], job->seconds, clean);
        own_regions(job);
        sample_add(&values[2], job->seconds, clean);
    }
    struct microbench_times times = {.alone = sample_take(&values[0]),
                                     .inside = sample_take(&values[1]),
                                     .region = sample_take(&values[2])};
    op_release(job);
    free(values);
    free(job);
    return times;
}

static bool pays(enum microbench_op op, size_t n, int threads, bool region)
{
    struct microbench_times times = microbench_op(op, n, threads);
    return (region ? times.region.median : times.inside.median) < times.alone.median;
}

/* Between a size that does not pay and one that does. */
static size_t bisect(enum microbench_op op, size_t fails, size_t wins, int threads,
                     bool region)
{
    for (int i = 0; i < HALVES; i++) {
        size_t middle = (fails + wins) / 2 / LEAST * LEAST;
        if (middle <= fails || middle >= wins)
            break;
        if (pays(op, middle, threads, region))
            wins = middle;
        else
            fails = middle;
    }
    return wins;
}

struct microbench_pays microbench_pays(enum microbench_op op, int threads)
{
    struct microbench_pays found = {0};
    for (size_t n = LEAST; n <= MICROBENCH_MOST; n *= 2) {
        struct microbench_times times = microbench_op(op, n, threads);
        if (!found.inside && times.inside.median < times.alone.median)
            found.inside = n == LEAST ? n : bisect(op, n / 2, n, threads, false);
        if (!found.region && times.region.median < times.alone.median)
            found.region = n == LEAST ? n : bisect(op, n / 2, n, threads, true);
        if (found.inside && found.region)
            break;
    }
    return found;
}

/* --- vectors --- */

/* Each element by itself, as a compiler would not leave it. */
#ifdef __clang__
#define SCALAR
#else
#define SCALAR __attribute__((optimize("no-tree-vectorize")))
#endif

SCALAR static void scalar_op(struct op_job *job)
{
    const float *x = job->x;
    float *y = job->y;
    if (job->op == OP_RELU)
        for (size_t i = 0; i < job->n; i++)
            y[i] = x[i] <= 0.0f ? 0.0f : x[i];
    else
        for (size_t i = 0; i < job->n; i++)
            y[i] = 0.5f * x[i] * erfcf(-0.70710678f * x[i]);
}

static void vector_op(struct op_job *job)
{
    if (job->op == OP_RELU)
        kernels()->relu_forward(job->y, job->x, job->n);
    else
        kernels()->gelu_forward(job->y, NULL, job->x, job->n);
}

static double time_op(struct op_job *job, void (*op)(struct op_job *job))
{
    op(job);
    double begin = timer_now();
    for (int i = 0; i < job->passes; i++)
        op(job);
    return (timer_now() - begin) / job->passes;
}

double microbench_vector_gain(enum microbench_op op, size_t n)
{
    struct op_job *job = mem_aligned(1, sizeof *job);
    double scalar[REPEATS], vector[REPEATS];
    op_init(job, op, n);
    for (int i = 0; i < REPEATS; i++) {
        scalar[i] = time_op(job, scalar_op);
        vector[i] = time_op(job, vector_op);
    }
    op_release(job);
    free(job);
    return timer_median(scalar, REPEATS) / timer_median(vector, REPEATS);
}
