/* The layer batchnorm: gradients, running statistics, and when which are used. */
#include "nn_test.h"

#include "nn/optim.h"

static const char *const network[] = {"conv 6 kernel=3 pad=1 as=conv",
                                      "batchnorm momentum=0.3 as=bn",
                                      "relu",
                                      "conv 5 kernel=3",
                                      "batchnorm affine=off",
                                      "maxpool 2",
                                      "relu",
                                      "flatten",
                                      "linear 20",
                                      "batchnorm eps=0.01",
                                      "gelu",
                                      "linear classes",
                                      "logsoftmax",
                                      NULL};
static const struct shape image = {8, 8, 3};

static void test_layout(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, network, image, 7, 5);
    const struct layer *bn = layer_named(&b.model, "bn");
    assert_int_equal(bn->tensors, 4);
    assert_string_equal(bn->tensor[2].name, "running_mean");
    assert_int_equal(bn->tensor[0].rule, RANGE_TRAIN);
    assert_int_equal(bn->tensor[3].rule, RANGE_STATISTIC);
    for (int c = 0; c < 6; c++)
        for (int t = 0; t < 4; t++)
            assert_true(b.params[bn->tensor[t].offset + (size_t)c] == (t == 0 || t == 3));
    assert_int_equal(layer_named(&b.model, "batchnorm2")->tensors, 2);
    assert_int_equal(b.model.statistics.count, 3);
    assert_int_equal(b.model.units, 4); /* a norm stays with the layer before it */
    assert_int_equal(model_param_count(&b.model),
                     6 * 28 + 12 + 5 * 55 + 46 * 20 + 40 + 147);
    bench_release(&b);
}

/* Over the grain in training, running statistics in evaluation. */
static void test_forward(void **state)
{
    (void)state;
    struct bench b;
    const char *const lines[] = {"batchnorm", "flatten", "linear classes", "logsoftmax",
                                 NULL};
    bench_init(&b, lines, image, 7, 5);
    const struct layer *bn = b.model.layer[0];
    model_forward_op(&b.model, &b.ws, &b.pass, 0);
    double sum = 0, square = 0;
    for (int i = 0; i < 5 * 64; i++) {
        double y = (double)b.ws.activation[1][3 * i + 1];
        sum += y / 320;
        square += y * y / 320;
    }
    assert_true(fabs(sum) < 1e-5);
    assert_true(fabs(square - 1) < 1e-3);
    b.params[bn->tensor[2].offset + 1] = 0.5f;
    b.params[bn->tensor[3].offset + 1] = 4.0f;
    b.pass.train = false;
    model_forward_op(&b.model, &b.ws, &b.pass, 0);
    for (int i = 0; i < 5 * 64; i++) {
        double want = ((double)b.ws.activation[0][3 * i + 1] - 0.5) / sqrt(4 + 1e-5);
        assert_true(fabs((double)b.ws.activation[1][3 * i + 1] - want) < 1e-5);
    }
    bench_release(&b);
}

/* The mean and variance of channel c of bn's input over `n` samples. */
static void moments(const struct bench *b, int op, int n, int c, double *mean,
                    double *var)
{
    const struct shape shape = b->model.op[op]->in;
    const float *x = b->ws.activation[b->model.wires[op].value[0]];
    int rows = n * shape.h * shape.w;
    *mean = *var = 0;
    for (int i = 0; i < rows; i++)
        *mean += (double)x[i * shape.c + c] / rows;
    for (int i = 0; i < rows; i++)
        *var += pow((double)x[i * shape.c + c] - *mean, 2) / rows;
}

/* Two grains of unequal size: the update is PyTorch's for the whole batch. */
static void test_update(void **state)
{
    (void)state;
    enum { C = 6 };
    const int n[] = {5, 4};
    struct bench b;
    bench_init(&b, network, image, 7, 5);
    const struct layer *bn = layer_named(&b.model, "bn");
    size_t mean = bn->tensor[2].offset, var = bn->tensor[3].offset;
    float *sums = mem_aligned(b.model.params, sizeof *sums);
    double all_mean[C] = {0}, all_square[C] = {0};
    for (int c = 0; c < C; c++) {
        b.params[mean + (size_t)c] = 0.1f * (float)c;
        b.params[var + (size_t)c] = 2;
    }
    for (int g = 0; g < 2; g++) {
        fill_samples(&b.model, &b.ws, n[g], 100 * (uint64_t)g);
        b.pass.n = n[g];
        model_forward_op(&b.model, &b.ws, &b.pass, 0);
        for (int c = 0; c < C; c++) {
            double m, v;
            moments(&b, 1, n[g], c, &m, &v);
            all_mean[c] += m * n[g] / 9;
            all_square[c] += (v + m * m) * n[g] / 9;
        }
        bench_step(&b);
        for (size_t i = 0; i < b.model.params; i++)
            sums[i] += b.grads[i];
    }
    float *cut = mem_aligned(b.model.params, sizeof *cut);
    memcpy(cut, b.params, b.model.params * sizeof *cut);
    statistics_update(&b.model.statistics, b.params, sums, 9, 0, b.model.params);
    for (int c = 0; c < C; c++) {
        double v = (all_square[c] - all_mean[c] * all_mean[c]) * 576 / 575;
        double want_mean = 0.7 * 0.1 * c + 0.3 * all_mean[c],
               want_var = 0.7 * 2 + 0.3 * v;
        assert_true(fabs((double)b.params[mean + (size_t)c] - want_mean) < 1e-5);
        assert_true(fabs((double)b.params[var + (size_t)c] - want_var) < 1e-5);
    }
    for (size_t at = 0; at < b.model.params; at += 5) {
        size_t end = at + 5 < b.model.params ? at + 5 : b.model.params;
        statistics_update(&b.model.statistics, cut, sums, 9, at, end);
    }
    assert_memory_equal(cut, b.params, b.model.params * sizeof *cut);
    free(cut);
    free(sums);
    bench_release(&b);
}

/* With lookahead a statistic becomes the slow one, which goes half way; `before` is what
   both were. */
static void check_slow(const struct bench *b, const struct optim_update *update,
                       int states, const float *want, const float *before, size_t i)
{
    float half = before[i] + 0.5f * (want[i] - before[i]);
    assert_true(fabsf(b->params[i] - half) <= 1e-6f * (1 + fabsf(half)));
    assert_true(update->state[states - 1][i] == b->params[i]);
}

/* Clipping, decay, rate, momentum, trust ratios and averages: none of them reaches a
   statistic. */
static void check_optimizer(int kind, int lookahead)
{
    struct bench b;
    bench_init(&b, network, image, 7, 5);
    bench_step(&b);
    size_t floats = b.model.params, bytes = floats * sizeof(float), seen = 0;
    float *want = mem_aligned(floats, sizeof *want), *ema = mem_aligned(floats, 4);
    float *before = mem_aligned(floats, sizeof *before);
    memcpy(want, b.params, bytes);
    memcpy(before, b.params, bytes);
    statistics_update(&b.model.statistics, want, b.grads, 5, 0, floats);
    const struct optim_options options = {.kind = kind,
                                          .momentum = 0.9,
                                          .weight_decay = 0.5,
                                          .beta1 = 0.9,
                                          .beta2 = 0.99,
                                          .epsilon = 1e-8,
                                          .trust = 0.1,
                                          .lookahead = lookahead,
                                          .lookahead_alpha = 0.5};
    struct optim_update update = {.params = b.params,
                                  .grads = b.grads,
                                  .statistics = &b.model.statistics,
                                  .samples = 5,
                                  .ema = ema,
                                  .ema_decay = 0.5,
                                  .lr = 0.1,
                                  .grad_scale = 0.01,
                                  .step = 1};
    int states = optim_states(&options);
    for (int i = 0; i < states; i++)
        update.state[i] = mem_aligned(floats, sizeof(float));
    struct optim optim;
    optim_init(&optim, &options, &b.model);
    optim_begin(&optim, b.params, update.state);
    optim_measure(&optim, &update, &(struct team){.size = 1});
    optim_apply(&optim, &update, 0, floats);
    optim_release(&optim);
    for (struct range r = {0};
         ranges_next(&b.model.ranges, RANGE_BIT(RANGE_STATISTIC), floats, &r);) {
        for (size_t i = r.begin; i < r.end; i++) {
            assert_true(lookahead || b.params[i] == want[i]);
            if (lookahead)
                check_slow(&b, &update, states, want, before, i);
            assert_true(ema[i] == 0);
            for (int k = 0; k < states - lookahead; k++)
                assert_true(update.state[k][i] == 0);
        }
        seen += r.end - r.begin;
    }
    assert_int_equal(seen, 2 * (16 + 16 + 32));
    assert_true(b.params[0] != want[0] && ema[0] != 0 && update.state[0][0] != 0);
    for (int i = 0; i < states; i++)
        free(update.state[i]);
    free(want);
    free(before);
    free(ema);
    bench_release(&b);
}

static void test_optimizer(void **state)
{
    (void)state;
    for (int kind = 0; kind < OPTIM_KINDS; kind++) {
        check_optimizer(kind, 0);
        check_optimizer(kind, 1);
    }
}

/* Without a backward pass: the same statistics to the bit. */
static void test_measure(void **state)
{
    (void)state;
    struct bench b;
    bench_init(&b, network, image, 7, 5);
    bench_step(&b);
    size_t floats = b.model.params, seen = 0;
    float *trained = mem_aligned(floats, sizeof *trained);
    memcpy(trained, b.grads, floats * sizeof *trained);
    memset(b.grads, 0, floats * sizeof *b.grads);
    b.pass.train = false;
    bench_forward(&b);
    for (size_t i = 0; i < floats; i++)
        assert_true(b.grads[i] == 0); /* in use nothing is measured */
    b.pass.measure = true;
    bench_forward(&b);
    for (struct range r = {0};
         ranges_next(&b.model.ranges, RANGE_BIT(RANGE_STATISTIC), floats, &r);) {
        for (size_t i = r.begin; i < r.end; i++)
            seen += trained[i] != 0;
        assert_memory_equal(b.grads + r.begin, trained + r.begin,
                            (r.end - r.begin) * sizeof *trained);
    }
    assert_int_equal(seen, 2 * (6 + 5 + 20));
    free(trained);
    bench_release(&b);
}

/* The cumulative mean of batches' statistics, whatever was there before the first. */
static void test_average(void **state)
{
    (void)state;
    struct statistics all = {0};
    statistics_add(&all, &(struct statistic){.mean = 0,
                                             .variance = 1,
                                             .channels = 1,
                                             .momentum = 0.1,
                                             .values_per_sample = 2});
    float params[2] = {3, 100}, copy[2] = {0, 0};
    /* two samples of the values 1, 2, 4, 5 about 3: mean 3, variance 10 / 3 */
    const float first[2] = {0, 5};
    statistics_copy(&all, copy, params);
    assert_true(copy[0] == 3 && copy[1] == 100);
    statistics_average(&all, params, first, 2, 0);
    assert_true(fabsf(params[0] - 3) < 1e-6f);
    assert_true(fabsf(params[1] - 10.0f / 3) < 1e-5f);
    /* one sample of the values 6 and 8 about 3: mean 7, variance 2 */
    const float second[2] = {4, 17};
    statistics_average(&all, params, second, 1, 2);
    assert_true(fabsf(params[0] - 13.0f / 3) < 1e-6f);
    assert_true(fabsf(params[1] - 26.0f / 9) < 1e-5f);
    statistics_release(&all);
}

/* One value a channel: running statistics normalise, and dx does not pass through
   them. */
static void test_single(void **state)
{
    (void)state;
    const char *const lines[] = {"flatten",    "linear 8",       "batchnorm as=bn",
                                 "scale by=1", "linear classes", "logsoftmax",
                                 NULL};
    struct bench b;
    bench_init(&b, lines, image, 7, 2);
    const struct layer *bn = layer_named(&b.model, "bn");
    b.pass.n = 1;
    for (int o = 0; o < 2; o++)
        model_forward_op(&b.model, &b.ws, &b.pass, o);
    float x[8];
    memcpy(x, b.ws.activation[2], sizeof x);
    model_forward_op(&b.model, &b.ws, &b.pass, 2);
    for (int c = 0; c < 8; c++) /* mean 0 and variance 1 at first */
        assert_true(fabs((double)(b.ws.activation[3][c] - x[c])) < 1e-4);
    bench_step(&b);
    for (int c = 0; c < 8; c++) {
        assert_true(b.grads[bn->tensor[2].offset + (size_t)c] == x[c]);
        assert_true(fabsf(b.grads[bn->tensor[3].offset + (size_t)c] - x[c] * x[c]) <
                    1e-6f);
    }
    float *before = mem_aligned(b.model.params, sizeof *before);
    memcpy(before, b.params, b.model.params * sizeof *before);
    statistics_update(&b.model.statistics, b.params, b.grads, 1, 0, b.model.params);
    assert_memory_equal(before, b.params, b.model.params * sizeof *before);
    free(before);
    bench_release(&b);
}

/* One sample of many values a channel: the same, but its values have a variance. */
static void test_one_sample(void **state)
{
    (void)state;
    const char *const lines[] = {"batchnorm as=bn", "flatten", "linear classes",
                                 "logsoftmax", NULL};
    struct bench b;
    bench_init(&b, lines, image, 7, 2);
    size_t mean = b.model.layer[0]->tensor[2].offset,
           var = b.model.layer[0]->tensor[3].offset;
    for (int c = 0; c < 3; c++) {
        b.params[mean + (size_t)c] = 0.5f;
        b.params[var + (size_t)c] = 4.0f;
    }
    b.pass.n = 1;
    model_forward_op(&b.model, &b.ws, &b.pass, 0);
    for (int i = 0; i < 64 * 3; i++)
        assert_true(fabs((double)b.ws.activation[1][i] -
                         ((double)b.ws.activation[0][i] - 0.5) / sqrt(4 + 1e-5)) < 1e-5);
    double m, v;
    moments(&b, 0, 1, 1, &m, &v);
    bench_step(&b);
    assert_true(fabs((double)b.grads[mean + 1] - (m - 0.5)) < 1e-5);
    assert_true(fabs((double)b.grads[var + 1] - (v + (m - 0.5) * (m - 0.5))) < 1e-4);
    b.pass.n = 2; /* two samples are normalised by their own */
    fill_samples(&b.model, &b.ws, 2, 0);
    model_forward_op(&b.model, &b.ws, &b.pass, 0);
    double sum = 0;
    for (int i = 0; i < 2 * 64; i++)
        sum += (double)b.ws.activation[1][3 * i];
    assert_true(fabs(sum) < 1e-3);
    bench_release(&b);
}

/* frozen=on: running statistics in training too, and they stay as they are. */
static void test_frozen(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 4 kernel=3",
                                 "batchnorm frozen=on as=bn",
                                 "relu",
                                 "flatten",
                                 "linear classes",
                                 "logsoftmax",
                                 NULL};
    struct bench b;
    bench_init(&b, lines, image, 7, 3);
    const struct layer *bn = layer_named(&b.model, "bn");
    assert_int_equal(bn->tensor[2].rule, RANGE_FROZEN);
    assert_int_equal(b.model.statistics.count, 0);
    bench_step(&b);
    float train[3 * 7];
    memcpy(train, b.ws.logprobs, sizeof train);
    for (int c = 0; c < 4; c++)
        assert_true(b.grads[bn->tensor[2].offset + (size_t)c] == 0);
    b.pass.train = false;
    bench_forward(&b);
    assert_memory_equal(train, b.ws.logprobs, sizeof train);
    bench_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),  cmocka_unit_test(test_forward),
        cmocka_unit_test(test_update),  cmocka_unit_test(test_optimizer),
        cmocka_unit_test(test_measure), cmocka_unit_test(test_average),
        cmocka_unit_test(test_single),  cmocka_unit_test(test_one_sample),
        cmocka_unit_test(test_frozen),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
