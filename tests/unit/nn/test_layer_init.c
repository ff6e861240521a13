/* Initial values. */
#include "nn_test.h"

/* Values of tensor t within [-bound, bound], filling it, with the deviation given. */
static void check_spread(const struct bench *b, int i, int t, double bound,
                         double deviation)
{
    const struct layer_tensor *tensor = &b->model.layer[i]->tensor[t];
    double sum = 0.0, squares = 0.0, largest = 0.0, n = (double)tensor->count;
    for (size_t j = 0; j < tensor->count; j++) {
        double v = (double)b->params[tensor->offset + j];
        sum += v;
        squares += v * v;
        largest = fmax(largest, fabs(v));
    }
    assert_true(largest <= bound * (1.0 + 1e-6));
    assert_true(fabs(sum / n) <= 4.0 * deviation / sqrt(n));
    assert_true(fabs(sqrt(squares / n) / deviation - 1.0) < 4.0 / sqrt(n));
}

static void test_init(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 200 kernel=3",
                                 "conv 100 kernel=2 init=he",
                                 "flatten",
                                 "linear 300",
                                 "linear classes init=he",
                                 "logsoftmax",
                                 NULL};
    struct bench b;
    bench_init(&b, lines, (struct shape){5, 5, 2}, 10, 1);
    double conv1 = 1.0 / sqrt(18.0), linear1 = 1.0 / sqrt(400.0);
    check_spread(&b, 0, 0, conv1, conv1 / sqrt(3.0));
    check_spread(&b, 0, 1, conv1, conv1 / sqrt(3.0));
    check_spread(&b, 1, 0, 6.0 * sqrt(2.0 / 800.0), sqrt(2.0 / 800.0));
    check_spread(&b, 3, 0, linear1, linear1 / sqrt(3.0));
    check_spread(&b, 3, 1, linear1, linear1 / sqrt(3.0));
    check_spread(&b, 4, 0, 6.0 * sqrt(2.0 / 300.0), sqrt(2.0 / 300.0));
    for (int i = 1; i <= 4; i += 3)
        for (int j = 0; j < b.model.layer[i]->out.c; j++)
            assert_true(b.params[b.model.layer[i]->tensor[1].offset + (size_t)j] == 0.0f);
    bench_release(&b);
}

static const float *values_of(const struct bench *b, int layer, int t)
{
    return b->params + b->model.layer[layer]->tensor[t].offset;
}

/* In memory (K, R, S, C). */
static void check_dirac(const struct bench *b, int layer)
{
    const struct layer_tensor *t = &b->model.layer[layer]->tensor[0];
    int k = t->dim[0], c = t->dim[1], r = t->dim[2], s = t->dim[3], others = 0;
    const float *w = values_of(b, layer, 0);
    for (int i = 0; i < k * r * s * c; i++) {
        int filter = i / (r * s * c), pixel = i / c % (r * s);
        if (filter < c)
            assert_true(w[i] == (pixel == r / 2 * s + s / 2 && i % c == filter));
        else
            others += w[i] != 0.0f && fabsf(w[i]) <= 1.0f / sqrtf((float)(c * r * s));
    }
    assert_int_equal(others, k > c ? (k - c) * r * s * c : 0);
}

static void test_init_kinds(void **state)
{
    (void)state;
    const char *const lines[] = {"conv 20 kernel=3x2 init=dirac",
                                 "batchnorm init=zero",
                                 "conv 150 kernel=3 init=he_out",
                                 "groupnorm 5 init=zero",
                                 "conv 9 kernel=2 init=dirac bias=off",
                                 "flatten",
                                 "linear 200 init=uniform_out",
                                 "linear 100 init=normal:0.01",
                                 "linear classes init=zero",
                                 "logsoftmax",
                                 NULL};
    struct bench b;
    bench_init(&b, lines, (struct shape){7, 7, 6}, 10, 1);
    check_dirac(&b, 0);
    assert_true(values_of(&b, 0, 1)[0] != 0.0f); /* as in PyTorch */
    check_dirac(&b, 4);
    double he = sqrt(2.0 / (150 * 9)), out = 1.0 / sqrt(200.0);
    check_spread(&b, 2, 0, 6.0 * he, he);
    check_spread(&b, 6, 0, out, out / sqrt(3.0));
    check_spread(&b, 7, 0, 0.06, 0.01);
    for (int i = 0; i < 10; i++) {
        assert_true(values_of(&b, 2, 1)[i] == 0.0f && values_of(&b, 6, 1)[i] == 0.0f);
        assert_true(values_of(&b, 7, 1)[i] == 0.0f && values_of(&b, 8, 0)[i] == 0.0f);
        assert_true(values_of(&b, 1, 0)[i] == 0.0f && values_of(&b, 1, 1)[i] == 0.0f);
        assert_true(values_of(&b, 3, 0)[i] == 0.0f && values_of(&b, 3, 1)[i] == 0.0f);
        assert_true(values_of(&b, 1, 3)[i] == 1.0f); /* the running variance */
    }
    bench_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_init),
        cmocka_unit_test(test_init_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
