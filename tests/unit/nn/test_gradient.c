/* Gradients against central differences of the loss, through whole networks that hold
   every kind of layer. */
#include "nn_test.h"

#include "graph_test.h"
#include "nn/loss_set.h"

/* The loss in double: differences of floats would drown in rounding. */
static double loss_at(struct bench *b)
{
    double sets = 0;
    bench_forward(b);
    const float *logp = bench_logprobs(b);
    for (int i = 0; i < b->pass.n && b->model.multi_label; i++)
        sets += loss_of_set(&b->pass.loss, logp + i * b->model.classes, b->model.classes,
                            &b->ws.target[i], NULL);
    if (b->model.multi_label)
        return sets;
    double loss = 0.0, eps = (double)b->pass.loss.label_smoothing;
    for (int i = 0; i < b->pass.n; i++) {
        const struct target *to = &b->ws.target[i];
        double weight = (double)to->weight, share = (double)to->share;
        for (int k = 0; k < b->model.classes; k++) {
            double target = eps / b->model.classes;
            if (k == to->label)
                target += (1.0 - eps) * share;
            if (k == to->mixed)
                target += (1.0 - eps) * (1.0 - share);
            loss -= weight * target * (double)logp[i * b->model.classes + k];
        }
    }
    return loss;
}

/* Derivative of the loss along a random direction of one tensor: by the gradient, and by
   a difference over +-step. Gives their distance in units of what the gradient gives on
   average along such a direction. */
static double difference(struct bench *b, const struct layer_tensor *tensor, double step,
                         struct rng *rng)
{
    float *w = b->params + tensor->offset, *g = b->grads + tensor->offset;
    float *keep = mem_zeroed(tensor->count, sizeof *keep);
    float *along = mem_zeroed(tensor->count, sizeof *along);
    double by_gradient = 0.0, norm = 0.0, root = sqrt((double)tensor->count);
    memcpy(keep, w, tensor->count * sizeof *w);
    for (size_t i = 0; i < tensor->count; i++) {
        along[i] = (float)((rng_below(rng, 2) ? 1.0 : -1.0) / root);
        by_gradient += (double)along[i] * (double)g[i];
        norm += (double)g[i] * (double)g[i];
        w[i] = keep[i] + (float)step * along[i];
    }
    double after = loss_at(b);
    for (size_t i = 0; i < tensor->count; i++)
        w[i] = keep[i] - (float)step * along[i];
    double by_difference = (after - loss_at(b)) / (2.0 * step);
    memcpy(w, keep, tensor->count * sizeof *w);
    free(keep);
    free(along);
    return fabs(by_difference - by_gradient) / (sqrt(norm) / root);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median of several directions, at the best of several steps: a kink of relu or
   maxpool within reach spoils some, a wrong gradient all. */
static double median_difference(struct bench *b, const struct layer_tensor *tensor,
                                struct rng *rng)
{
    enum { DIRECTIONS = 15 };
    const double steps[] = {0.003, 0.001, 0.0003};
    double best = INFINITY;
    for (int j = 0; j < 3; j++) {
        double apart[DIRECTIONS];
        for (int i = 0; i < DIRECTIONS; i++)
            apart[i] = difference(b, tensor, steps[j], rng);
        qsort(apart, DIRECTIONS, sizeof *apart, compare);
        best = fmin(best, apart[DIRECTIONS / 2]);
    }
    return best;
}

/* A constant that a normalisation takes out again has no effect and no gradient. */
static bool has_no_effect(const struct bench *b, const struct layer_tensor *tensor)
{
    double square = 0;
    for (size_t i = 0; i < tensor->count; i++)
        square += pow((double)b->grads[tensor->offset + i], 2);
    return sqrt(square / (double)tensor->count) < 1e-5;
}

/* idle: biases that a batchnorm behind them takes out. */
static void check_bench(struct bench *b, float smoothing, int idle)
{
    struct rng rng;
    uint8_t sets[16];
    b->pass.loss.label_smoothing = smoothing;
    if (b->model.multi_label)
        bench_use_sets(b, sets);
    bench_step(b);
    rng_init(&rng, 1, RNG_TEST, 9, 0);
    for (int i = 0; i < b->model.layers; i++) {
        const struct layer *layer = b->model.layer[i];
        for (int t = 0; t < layer->tensors; t++) {
            if (!(RANGE_BIT(layer->tensor[t].rule) & RANGES_TRAINED))
                continue;
            if (t == 1 && has_no_effect(b, &layer->tensor[t])) {
                idle--;
                continue;
            }
            double apart = median_difference(b, &layer->tensor[t], &rng);
            if (!(apart < 0.02))
                fail_msg("%s %s: gradient and difference are %.4f apart", layer->name,
                         layer->tensor[t].name, apart);
        }
    }
    assert_int_equal(idle, 0);
}

static void check_idle(const char *const *lines, struct shape in, float smoothing,
                       int idle)
{
    struct bench b;
    bench_init(&b, lines, in, 7, 6);
    check_bench(&b, smoothing, idle);
    bench_release(&b);
}

static void check(const char *const *lines, struct shape in, float smoothing)
{
    check_idle(lines, in, smoothing, 0);
}

static void test_general(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 5 kernel=3 pad=1",
                                 "relu",
                                 "conv 36 kernel=3 stride=2 pad=1 init=he",
                                 "gelu",
                                 "avgpool 2 stride=1 pad=1",
                                 "dropout p=0.3",
                                 "flatten",
                                 "linear 33 init=he",
                                 "relu",
                                 "linear classes",
                                 "logsoftmax",
                                 NULL};
    check(lines, (struct shape){9, 8, 2}, 0.0f);
}

/* logsigmoid passes the gradient of the loss on, which is that of its input. */
static void test_sets(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 8 kernel=3", "maxpool 2",  "gelu",
                                 "flatten",         "linear 20",  "relu",
                                 "linear classes",  "logsigmoid", NULL};
    check(lines, (struct shape){9, 8, 2}, 0.0f);
    check(lines, (struct shape){9, 8, 2}, 0.2f);
}

static void test_letters(void **state)
{
    (void)state;
    const char *const lines[] = {
        "conv 32 kernel=3", "maxpool 2", "gelu", "conv 40 kernel=3", "maxpool 2",  "gelu",
        "flatten",          "linear 20", "gelu", "linear classes",   "logsoftmax", NULL};
    check(lines, (struct shape){14, 14, 1}, 0.1f);
}

static void test_windows(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 6 kernel=3x2 stride=2x1 pad=1x0",
                                 "gelu",
                                 "avgpool 3x2 stride=1 pad=same count_pad=off",
                                 "conv 35 kernel=3 stride=1x2 pad=same dilation=2x1",
                                 "gelu",
                                 "maxpool 2x3 stride=1x2 pad=1x0",
                                 "depthwise kernel=3x2 stride=2 pad=same dilation=1x2",
                                 "gelu",
                                 "flatten",
                                 "linear classes",
                                 "logsoftmax",
                                 NULL};
    check(lines, (struct shape){11, 12, 3}, 0.1f);
}

static void test_pointwise(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 33 kernel=1",
                                 "gelu",
                                 "maxpool 3 stride=2 pad=1",
                                 "conv 20 kernel=1",
                                 "gelu",
                                 "avgpool 4",
                                 "flatten",
                                 "linear classes",
                                 "logsoftmax",
                                 NULL};
    check(lines, (struct shape){8, 8, 40}, 0.3f);
}

static void test_flat_input(void **state)
{
    (void)state;
    const char *const lines[] = {"flatten",        "linear 30",  "gelu", "dropout",
                                 "linear classes", "logsoftmax", NULL};
    check(lines, (struct shape){5, 4, 3}, 0.0f);
}

static void test_graphs(void **state)
{
    (void)state;
    check(residual, (struct shape){9, 9, 3}, 0.1f);
    check(excite, (struct shape){9, 9, 3}, 0.0f);
    check(unfusable, (struct shape){8, 8, 2}, 0.0f);
    check(grouped, (struct shape){9, 8, 6}, 0.1f);
    check(pooled, (struct shape){10, 9, 3}, 0.1f);
    check_idle(mixed, (struct shape){9, 9, 3}, 0.1f, 1);
    check_idle(normed, (struct shape){9, 9, 3}, 0.1f, 7);
}

/* Targets of two classes with weights. */
static void test_mixed(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 8 kernel=3", "gelu",       "flatten",
                                 "linear classes",  "logsoftmax", NULL};
    struct bench b;
    bench_init(&b, lines, (struct shape){7, 6, 2}, 7, 6);
    for (int i = 0; i < b.pass.n; i++) {
        struct target *target = &b.ws.target[i];
        target->mixed = b.ws.target[b.pass.n - 1 - i].label;
        target->share = (float)i / 5;
        target->weight = 0.5f + (float)(i % 3);
    }
    check_bench(&b, 0.1f, 0);
    bench_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_general),   cmocka_unit_test(test_letters),
        cmocka_unit_test(test_pointwise), cmocka_unit_test(test_flat_input),
        cmocka_unit_test(test_graphs),    cmocka_unit_test(test_windows),
        cmocka_unit_test(test_mixed),     cmocka_unit_test(test_sets),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
