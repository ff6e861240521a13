/* Eigenvectors, and the weights that whiten the patches of images. */
#include "nn_test.h"

#include "../../../src/nn/eigen.h"
#include "nn/whiten.h"

enum { MOST = 27 };

/* a = V diag(value) V^T, V orthonormal, values in order, signs as promised. */
static void check_eigen(int n, const double *a, double scale)
{
    double copy[MOST * MOST], value[MOST], vector[MOST * MOST];
    memcpy(copy, a, (size_t)(n * n) * sizeof *copy);
    eigen_symmetric(n, copy, value, vector);
    for (int i = 0; i < n; i++) {
        double largest = 0;
        for (int j = 0; j < n; j++) {
            double dot = 0, entry = 0;
            for (int k = 0; k < n; k++) {
                dot += vector[i * n + k] * vector[j * n + k];
                entry += value[k] * vector[k * n + i] * vector[k * n + j];
            }
            assert_true(fabs(dot - (i == j)) < 1e-12);
            assert_true(fabs(entry - a[i * n + j]) < 1e-12 * scale);
            if (fabs(vector[i * n + j]) > fabs(largest))
                largest = vector[i * n + j];
        }
        assert_true(largest > 0);
        assert_true(i == 0 || value[i] <= value[i - 1]);
    }
}

static void test_eigen(void **state)
{
    (void)state;
    struct rng rng;
    double a[MOST * MOST], b[MOST * MOST];
    rng_init(&rng, 3, RNG_TEST, 1, 2);
    for (int n = 1; n <= MOST; n += 1 + n / 3) {
        for (int i = 0; i < n * n; i++)
            b[i] = (double)rng_normal(&rng);
        for (int i = 0; i < n; i++)
            for (int j = 0; j < n; j++) {
                a[i * n + j] = 0;
                for (int k = 0; k < n - n / 4; k++) /* some eigenvalues are 0 */
                    a[i * n + j] += b[k * n + i] * b[k * n + j];
            }
        check_eigen(n, a, 100);
    }
    const double known[] = {2, 1, 1, 2};
    double copy[4], value[2], vector[4];
    memcpy(copy, known, sizeof copy);
    eigen_symmetric(2, copy, value, vector);
    assert_true(fabs(value[0] - 3) < 1e-14 && fabs(value[1] - 1) < 1e-14);
    assert_true(fabs(vector[0] - sqrt(0.5)) < 1e-14 && vector[0] == vector[1]);
    const double zero[9] = {0}, equal[] = {5, 0, 0, 0, 5, 0, 0, 0, 5},
                 tiny[] = {1e-300, 1e-301, 1e-301, 2e-300};
    check_eigen(3, zero, 1);
    check_eigen(3, equal, 1);
    check_eigen(2, tiny, 1);
}

static const struct shape in = {7, 6, 3};
enum { IMAGES = 40, SIZE = 7 * 6 * 3, PATCHES = 6 * 5 };

/* Images whose neighbouring pixels and channels are alike. */
static void draw(float *x)
{
    struct rng rng;
    rng_init(&rng, 8, RNG_TEST, 1, 2);
    for (int i = 0; i < IMAGES * SIZE; i++) {
        float near = i % SIZE >= 3 ? x[i - 3] : 0, same = i % 3 ? x[i - 1] : 0;
        x[i] = 0.2f + 0.5f * near + 0.4f * same + 0.7f * rng_normal(&rng);
    }
}

static void begin(struct bench *b, const char *line)
{
    const char *const lines[] = {
        line, "gelu", "maxpool 2", "flatten", "linear classes", "logsoftmax", NULL};
    bench_init(b, lines, in, 5, IMAGES);
}

static void whiten(struct bench *b, const float *x)
{
    const struct layer *layer = b->model.layer[0];
    double *sum = mem_zeroed(whiten_size(layer), sizeof *sum);
    for (int i = 0; i < IMAGES; i++)
        whiten_add(layer, sum, x + i * SIZE);
    whiten_weights(layer, sum, IMAGES, b->params);
    free(sum);
}

/* The second moments of the outputs are those of uncorrelated patches: lambda /
   (lambda + epsilon), nearly 1. */
static void test_outputs(void **state)
{
    (void)state;
    static float x[IMAGES * SIZE];
    struct bench b;
    draw(x);
    begin(&b, "conv 24 kernel=2 init=whiten frozen=weight");
    assert_int_equal(whiten_next(&b.model, 0), 0);
    assert_int_equal(whiten_next(&b.model, 1), b.model.layers);
    assert_int_equal(whiten_size(b.model.layer[0]), 144);
    whiten(&b, x);
    memcpy(b.ws.activation[0], x, sizeof x);
    bench_pack(&b);
    model_forward_op(&b.model, &b.ws, &b.pass, 0);
    const float *y = b.ws.activation[1];
    for (int i = 0; i < 24; i++)
        for (int j = 0; j < 24; j++) {
            double moment = 0, want = i == j ? 1 : abs(i - j) == 12 ? -1 : 0;
            for (int p = 0; p < IMAGES * PATCHES; p++)
                moment += (double)y[p * 24 + i] * (double)y[p * 24 + j];
            moment /= IMAGES * PATCHES;
            assert_true(fabs(moment - want) < 0.02);
        }
    bench_release(&b);
}

/* The bias begins at 0; the rules say what is trained. */
static void test_rules(void **state)
{
    (void)state;
    static const enum range_rule rules[][2] = {{RANGE_TRAIN_DECAY, RANGE_TRAIN},
                                               {RANGE_FROZEN, RANGE_TRAIN},
                                               {RANGE_FROZEN, RANGE_FROZEN}};
    const char *const lines[] = {"conv 6 kernel=2 init=whiten",
                                 "conv 6 kernel=2 init=whiten frozen=weight",
                                 "conv 6 kernel=2 init=whiten frozen=on"};
    for (size_t k = 0; k < 3; k++) {
        struct bench b;
        begin(&b, lines[k]);
        const struct layer *layer = b.model.layer[0];
        assert_int_equal(layer->tensor[0].rule, rules[k][0]);
        assert_int_equal(layer->tensor[1].rule, rules[k][1]);
        for (int c = 0; c < 6; c++)
            assert_true(b.params[layer->tensor[1].offset + (size_t)c] == 0);
        bench_release(&b);
    }
}

/* Fewer filters are those of the largest eigenvalues; of more, the others stay. */
static void test_number(void **state)
{
    (void)state;
    static float x[IMAGES * SIZE];
    struct bench all, few, many;
    draw(x);
    begin(&all, "conv 24 kernel=2 init=whiten");
    begin(&few, "conv 10 kernel=2 init=whiten bias=off");
    begin(&many, "conv 27 kernel=2 init=whiten");
    const float *m = many.params + many.model.layer[0]->tensor[0].offset;
    float over[3 * 12];
    memcpy(over, m + 24 * 12, sizeof over);
    whiten(&all, x);
    whiten(&few, x);
    whiten(&many, x);
    assert_memory_equal(m + 24 * 12, over, sizeof over);
    const float *a = all.params + all.model.layer[0]->tensor[0].offset,
                *f = few.params + few.model.layer[0]->tensor[0].offset;
    for (int i = 0; i < 5 * 12; i++) {
        assert_true(f[i] == a[i]);
        assert_true(f[5 * 12 + i] == -a[i] && a[12 * 12 + i] == -a[i]);
    }
    assert_memory_equal(m, a, 24 * 12 * sizeof *m);
    bench_release(&all);
    bench_release(&few);
    bench_release(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eigen),
        cmocka_unit_test(test_outputs),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_number),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
