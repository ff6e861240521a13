/* Every strategy against the plain reference, on odd shapes, with 1 to 5 threads. */
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
#include "kernels/conv_pool.h"
#include "kernels/reference.h"
#include "lab/strategy.h"
#include "nn/layer_shape.h"
#include "nn/workspace.h"

#define MOST_THREADS 5

/* A layer with random data, and the results of the reference. */
struct strategy_bench {
    struct model model;
    const struct layer *layer;
    int n;
    size_t xs, ys, params;
    float *x, *dy, *weights, *y, *dx, *grads;
    float *want_y, *want_dx, *want_grads;
    uint64_t *sample;
};

static float *random_floats(struct rng *rng, size_t count)
{
    float *values = mem_aligned(count + CONV_POOL_SLACK, sizeof *values);
    for (size_t i = 0; i < count; i++)
        values[i] = rng_range(rng, -1.0f, 1.0f);
    return values;
}

static void reference_conv(struct strategy_bench *b)
{
    struct conv_shape s = *layer_conv_shape(b->layer);
    const struct layer_tensor *t = b->layer->tensor;
    s.n = b->n;
    reference_conv_forward(&s, b->want_y, b->x, b->weights + t[0].offset,
                           b->weights + t[1].offset);
    reference_conv_backward_weight(&s, b->want_grads + t[0].offset,
                                   b->want_grads + t[1].offset, b->x, b->dy);
    reference_conv_backward_data(&s, b->want_dx, b->dy, b->weights + t[0].offset);
}

static void reference_linear(struct strategy_bench *b)
{
    const struct layer_tensor *t = b->layer->tensor;
    struct linear_shape s = {b->n, b->layer->in.c, b->layer->out.c};
    reference_linear_forward(&s, b->want_y, b->x, b->weights + t[0].offset,
                             b->weights + t[1].offset);
    reference_linear_backward_weight(&s, b->want_grads + t[0].offset,
                                     b->want_grads + t[1].offset, b->x, b->dy);
    reference_linear_backward_data(&s, b->want_dx, b->dy, b->weights + t[0].offset);
}

static void reference_pool(struct strategy_bench *b)
{
    struct pool_shape s = *layer_pool_shape(b->layer);
    uint8_t *argmax = mem_zeroed(b->ys, 1);
    s.n = b->n;
    if (b->layer->ops == &layer_maxpool) {
        reference_maxpool_forward(&s, b->want_y, argmax, b->x);
        reference_maxpool_backward(&s, b->want_dx, b->dy, argmax);
    } else {
        reference_avgpool_forward(&s, b->want_y, b->x);
        reference_avgpool_backward(&s, b->want_dx, b->dy);
    }
    free(argmax);
}

static void reference_gelu_layer(struct strategy_bench *b)
{
    for (size_t i = 0; i < b->xs; i++) {
        b->want_y[i] = (float)reference_gelu((double)b->x[i]);
        b->want_dx[i] = b->dy[i] * (float)reference_gelu_slope((double)b->x[i]);
    }
}

/* A block: convolution, maximum of 2 x 2, gelu. */
static void reference_block(struct strategy_bench *b)
{
    struct conv_shape s = *layer_conv_shape(b->model.layer[0]);
    struct pool_shape p = *layer_pool_shape(b->model.layer[1]);
    const struct layer_tensor *t = b->layer->tensor;
    s.n = p.n = b->n;
    size_t inner = (size_t)(s.n * s.p * s.q * s.k);
    float *conv = mem_zeroed(inner, sizeof *conv), *dconv = mem_zeroed(inner, 4);
    float *dm = mem_zeroed(b->ys, sizeof *dm);
    uint8_t *argmax = mem_zeroed(b->ys, 1);
    reference_conv_forward(&s, conv, b->x, b->weights + t[0].offset,
                           b->weights + t[1].offset);
    reference_maxpool_forward(&p, b->want_y, argmax, conv);
    for (size_t i = 0; i < b->ys; i++) {
        dm[i] = b->dy[i] * (float)reference_gelu_slope((double)b->want_y[i]);
        b->want_y[i] = (float)reference_gelu((double)b->want_y[i]);
    }
    reference_maxpool_backward(&p, dconv, dm, argmax);
    reference_conv_backward_weight(&s, b->want_grads + t[0].offset,
                                   b->want_grads + t[1].offset, b->x, dconv);
    reference_conv_backward_data(&s, b->want_dx, dconv, b->weights + t[0].offset);
    free(conv);
    free(dconv);
    free(dm);
    free(argmax);
}

static void make_reference(struct strategy_bench *b)
{
    const struct layer_ops *ops = b->layer->ops;
    if (b->layer != b->model.layer[b->layer->index])
        reference_block(b);
    else if (ops == &layer_conv || ops == &layer_depthwise)
        reference_conv(b);
    else if (ops == &layer_linear)
        reference_linear(b);
    else if (ops == &layer_maxpool || ops == &layer_avgpool)
        reference_pool(b);
    else if (ops == &layer_gelu)
        reference_gelu_layer(b);
    else if (ops == &layer_logsoftmax) {
        reference_logsoftmax_forward(b->want_y, b->x, b->n, b->layer->in.c);
        reference_logsoftmax_backward(b->want_dx, b->dy, b->want_y, b->n, b->layer->in.c);
    } else
        fail_msg("no reference for %s", b->layer->name);
}

#define BLOCK (-1)

/* A layer of the network in `lines`, or the block that it begins with, on n images. */
static void bench_init(struct strategy_bench *b, const char *const *lines,
                       struct shape in, int n, int layer)
{
    struct model_spec spec = {0};
    struct rng rng;
    *b = (struct strategy_bench){.n = n};
    for (int i = 0; lines[i]; i++)
        model_spec_add(&spec, lines[i], "net.conf:1");
    assert_int_equal(model_init(&b->model, &spec, in, 7, n), ST_OK);
    model_spec_release(&spec);
    if (layer != BLOCK)
        model_unfuse(&b->model);
    b->layer = b->model.op[layer == BLOCK ? 0 : layer];
    rng_init(&rng, 9, RNG_TEST, 0, (uint64_t)n);
    b->xs = (size_t)n * (size_t)shape_size(b->layer->in);
    b->ys = (size_t)n * (size_t)shape_size(b->layer->out);
    b->params = b->model.params;
    b->x = random_floats(&rng, b->xs);
    b->dy = random_floats(&rng, b->ys);
    b->weights = random_floats(&rng, b->params);
    float **results[] = {&b->y,      &b->dx,      &b->grads,
                         &b->want_y, &b->want_dx, &b->want_grads};
    const size_t sizes[] = {b->ys, b->xs, b->params};
    for (int i = 0; i < 6; i++)
        *results[i] = mem_aligned(sizes[i % 3] + CONV_POOL_SLACK, sizeof(float));
    b->sample = mem_zeroed((size_t)n, sizeof *b->sample);
    make_reference(b);
}

static void bench_release(struct strategy_bench *b)
{
    float *all[] = {b->x,     b->dy,     b->weights, b->y,         b->dx,
                    b->grads, b->want_y, b->want_dx, b->want_grads};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(b->sample);
    model_release(&b->model);
}

static void assert_near(const struct strategy_bench *b, const char *what,
                        enum split split, int threads, const float *found,
                        const float *want, size_t count)
{
    double scale = 1;
    for (size_t i = 0; i < count; i++)
        scale = fmax(scale, fabs((double)want[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)found[i] - (double)want[i]) <= 2e-5 * scale))
            fail_msg("%s %s, %d threads, %d images: %s[%zu] is %g, not %g",
                     b->layer->name, split_name(split), threads, b->n, what, i,
                     (double)found[i], (double)want[i]);
}

struct strategy_job {
    struct strategy *strategy;
    struct team_shared shared;
    int threads;
};

static void job_body(void *context, int thread)
{
    struct strategy_job *job = context;
    struct team team = {.size = job->threads, .index = thread, .shared = &job->shared};
    strategy_run(job->strategy, &team);
    strategy_run(job->strategy, &team); /* a run leaves nothing behind */
}

/* NaN everywhere: elements that a strategy does not write are found. */
static void poison(struct strategy_bench *b)
{
    memset(b->y, 0xff, b->ys * sizeof *b->y);
    memset(b->dx, 0xff, b->xs * sizeof *b->dx);
    memset(b->grads, 0xff, b->params * sizeof *b->grads);
}

/* Strategies of lanes, tiles and blocks spend time adding partial sums; the kernels' own
   splits and sequential passes have none. */
static void check_sum_seconds(const struct strategy *strategy,
                              const struct strategy_task *task, enum split split,
                              int threads)
{
    bool weights = task->pass == STRATEGY_BACKWARD && task->layer->tensors > 0;
    double seconds = strategy_sum_seconds(strategy);
    if (split == SPLIT_SEQUENTIAL || task->layer->tensors == 0)
        assert_true(seconds == 0);
    if (split == SPLIT_BATCH && weights && threads > 1)
        assert_true(seconds > 0);
}

static void check(struct strategy_bench *b, enum strategy_pass pass, enum split split,
                  int threads, bool dx)
{
    struct strategy_task task = {.layer = b->layer,
                                 .pass = pass,
                                 .n = b->n,
                                 .x = b->x,
                                 .dy = b->dy,
                                 .params = b->weights,
                                 .y = b->y,
                                 .dx = dx ? b->dx : NULL,
                                 .grads = b->grads,
                                 .sample = b->sample};
    if (!strategy_applies(&task, split, threads))
        return;
    struct strategy_job *job = mem_aligned(1, sizeof *job);
    poison(b);
    job->strategy = strategy_create(&task, split, threads);
    job->threads = threads;
    team_run(threads, job_body, job);
    check_sum_seconds(job->strategy, &task, split, threads);
    if (pass == STRATEGY_FORWARD)
        assert_near(b, "y", split, threads, b->y, b->want_y, b->ys);
    else if (dx)
        assert_near(b, "dx", split, threads, b->dx, b->want_dx, b->xs);
    for (int t = 0; pass == STRATEGY_BACKWARD && t < b->layer->tensors; t++)
        assert_near(b, b->layer->tensor[t].name, split, threads,
                    b->grads + b->layer->tensor[t].offset,
                    b->want_grads + b->layer->tensor[t].offset,
                    b->layer->tensor[t].count);
    strategy_free(job->strategy);
    free(job);
}

static void check_all(const char *const *lines, struct shape in, int layer)
{
    static const int images[] = {1, 2, 3, 7, 17};
    for (size_t i = 0; i < sizeof images / sizeof *images; i++) {
        struct strategy_bench b;
        bench_init(&b, lines, in, images[i], layer);
        for (int threads = 1; threads <= MOST_THREADS; threads++)
            for (int split = 0; split < SPLITS; split++)
                for (int pass = 0; pass < STRATEGY_PASSES; pass++) {
                    check(&b, pass, split, threads, true);
                    check(&b, pass, split, threads, false);
                }
        bench_release(&b);
    }
}

#define REST "flatten", "linear classes", "logsoftmax", NULL

static void test_conv(void **state)
{
    (void)state;
    check_all((const char *[]){"conv 32 kernel=3", REST}, (struct shape){12, 10, 1}, 0);
    check_all((const char *[]){"conv 33 kernel=3 pad=1", REST}, (struct shape){7, 5, 19},
              0);
    check_all((const char *[]){"conv 5 kernel=4 stride=2 pad=2", REST},
              (struct shape){9, 11, 3}, 0);
    check_all((const char *[]){"conv 70 kernel=1", REST}, (struct shape){5, 3, 65}, 0);
    check_all((const char *[]){"conv 9 kernel=3", REST}, (struct shape){3, 3, 40}, 0);
    check_all((const char *[]){"conv 3 kernel=2 stride=3", REST},
              (struct shape){8, 8, 17}, 0);
    check_all((const char *[]){"conv 19 kernel=3x2 stride=1x2 pad=same", REST},
              (struct shape){7, 8, 18}, 0);
    check_all((const char *[]){"conv 20 kernel=3 pad=2x1 dilation=2x1", REST},
              (struct shape){8, 7, 17}, 0);
    check_all((const char *[]){"conv 20 kernel=3 pad=1 groups=2", REST},
              (struct shape){8, 7, 34}, 0);
    check_all((const char *[]){"depthwise kernel=3 pad=1", REST},
              (struct shape){8, 7, 34}, 0);
}

static void test_linear(void **state)
{
    (void)state;
    check_all((const char *[]){"linear classes", "logsoftmax", NULL},
              (struct shape){1, 1, 65}, 0);
    check_all((const char *[]){"linear 130", "linear classes", "logsoftmax", NULL},
              (struct shape){1, 1, 150}, 0);
    check_all((const char *[]){"linear 1", "linear classes", "logsoftmax", NULL},
              (struct shape){1, 1, 1}, 0);
}

static void test_pools(void **state)
{
    (void)state;
    check_all((const char *[]){"maxpool 2", REST}, (struct shape){11, 7, 33}, 0);
    check_all((const char *[]){"maxpool 3 stride=2 pad=1", REST}, (struct shape){5, 6, 3},
              0);
    check_all((const char *[]){"avgpool 2", REST}, (struct shape){5, 9, 20}, 0);
    check_all((const char *[]){"maxpool 2x3 stride=2x1", REST}, (struct shape){9, 6, 20},
              0);
    check_all((const char *[]){"avgpool 3 stride=2 pad=same count_pad=off", REST},
              (struct shape){8, 7, 18}, 0);
}

static void test_elements(void **state)
{
    (void)state;
    check_all((const char *[]){"gelu", REST}, (struct shape){3, 5, 13}, 0);
    check_all((const char *[]){"linear classes", "logsoftmax", NULL},
              (struct shape){1, 1, 9}, 1);
}

static void test_blocks(void **state)
{
    (void)state;
    check_all((const char *[]){"conv 33 kernel=3", "maxpool 2", "gelu", REST},
              (struct shape){11, 9, 1}, BLOCK);
    check_all((const char *[]){"conv 17 kernel=3 pad=1", "maxpool 2", "gelu", REST},
              (struct shape){6, 7, 18}, BLOCK);
}

/* Which strategies a layer has: the others are dashes in the table. */
static void test_which(void **state)
{
    (void)state;
    struct strategy_bench b;
    bench_init(&b, (const char *[]){"conv 32 kernel=3", REST}, (struct shape){12, 10, 1},
               3, 0);
    struct strategy_task task = {.layer = b.layer, .pass = STRATEGY_BACKWARD, .n = 3};
    assert_true(strategy_applies(&task, SPLIT_SEQUENTIAL, 1));
    assert_false(strategy_applies(&task, SPLIT_SEQUENTIAL, 2));
    assert_false(strategy_applies(&task, SPLIT_BATCH, 1));
    assert_true(strategy_applies(&task, SPLIT_BATCH, 2));
    assert_true(strategy_applies(&task, SPLIT_SPATIAL, 3));
    assert_true(strategy_applies(&task, SPLIT_FILTER, 3));
    assert_true(strategy_applies(&task, SPLIT_HYBRID, 4));
    assert_true(strategy_applies(&task, SPLIT_CHANNEL, 2));
    assert_false(strategy_applies(&task, SPLIT_FEATURE, 2));
    assert_false(strategy_applies(&task, SPLIT_AUTO, 2));
    bench_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_conv),   cmocka_unit_test(test_linear),
        cmocka_unit_test(test_pools),  cmocka_unit_test(test_elements),
        cmocka_unit_test(test_blocks), cmocka_unit_test(test_which),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
