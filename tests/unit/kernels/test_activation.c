#include "kernel_test.h"

#include "kernels/activation.h"
#include "kernels/reference.h"

static const struct team alone = {.size = 1};

/* 4 units in the last place of the float nearest to v, or 1e-6. */
static bool is_close(float got, double v)
{
    if (isnan(v))
        return isnan(got);
    if (isinf(v))
        return (double)got == v;
    double ulp = (double)(nextafterf(fabsf((float)v), INFINITY) - fabsf((float)v));
    return fabs((double)got - v) <= fmax(1e-6, 4.0 * ulp);
}

static void check_gelu(const float *x, float *y, float *slope, size_t n)
{
    gelu_forward(&alone, y, slope, x, n);
    for (size_t i = 0; i < n; i++) {
        if (!is_close(y[i], reference_gelu((double)x[i])))
            fail_msg("gelu(%.9g) = %.9g, not %.9g", (double)x[i], (double)y[i],
                     reference_gelu((double)x[i]));
        /* beyond the largest square of a float the formula is inf * 0 */
        if (fabsf(x[i]) < 1e18f &&
            !is_close(slope[i], reference_gelu_slope((double)x[i])))
            fail_msg("gelu'(%.9g) = %.9g, not %.9g", (double)x[i], (double)slope[i],
                     reference_gelu_slope((double)x[i]));
    }
}

/* All bit patterns of a float at a stride, from both zeros over denormals to inf and NaN,
   and finely where the function bends. */
static void test_gelu_range(void **state)
{
    (void)state;
    enum { COUNT = 1 << 18 };
    float *x = mem_aligned(COUNT, sizeof *x), *y = poisoned_floats(COUNT);
    float *slope = poisoned_floats(COUNT);
    EACH_ISA(isa)
    {
        for (uint32_t i = 0; i < COUNT; i++) {
            uint32_t bits = i << 14 | (i & 1 ? 0x3fffu : 0);
            memcpy(&x[i], &bits, sizeof bits);
        }
        check_gelu(x, y, slope, COUNT);
        for (int i = 0; i < COUNT; i++)
            x[i] = (float)(i - COUNT / 2) * (16.0f / COUNT * 2.0f);
        check_gelu(x, y, slope, COUNT);
    }
    free(x);
    free(y);
    free(slope);
}

static void test_gelu_special(void **state)
{
    (void)state;
    const float x[] = {0.0f,      -0.0f, 1e-45f, -1e-45f, INFINITY,
                       -INFINITY, NAN,   -3e38f, 3e38f};
    enum { COUNT = sizeof x / sizeof *x };
    EACH_ISA(isa)
    {
        float y[COUNT], slope[COUNT], again[COUNT];
        check_gelu(x, y, slope, COUNT);
        assert_true(y[0] == 0.0f && !signbit(y[0]));
        assert_true(y[1] == 0.0f && signbit(y[1]));
        assert_true(y[4] == INFINITY);
        assert_true(isnan(y[6]) && isnan(slope[6]));
        gelu_forward(&alone, again, NULL, x, COUNT);
        for (int i = 0; i < COUNT; i++)
            assert_true(again[i] == y[i] || (isnan(again[i]) && isnan(y[i])));
    }
}

static void test_relu(void **state)
{
    (void)state;
    const float x[] = {-1.0f, 0.0f, 2.0f, NAN, -INFINITY, INFINITY};
    const float dy[] = {1.0f, 1.0f, 3.0f, 1.0f, 1.0f, 5.0f};
    EACH_ISA(isa)
    {
        float y[6], dx[6];
        relu_forward(&alone, y, x, 6);
        relu_backward(&alone, dx, dy, y, 6);
        assert_true(y[0] == 0.0f && y[1] == 0.0f && y[2] == 2.0f && isnan(y[3]));
        assert_true(y[4] == 0.0f && y[5] == INFINITY);
        assert_true(dx[0] == 0.0f && dx[1] == 0.0f && dx[2] == 3.0f && dx[5] == 5.0f);
    }
}

static double curve(enum activation kind, double x)
{
    double hard = fmin(fmax(x + 3, 0), 6) / 6, soft = 1 / (1 + exp(-x));
    const double values[] = {
        [ACTIVATION_NONE] = x,
        [ACTIVATION_RELU] = fmax(x, 0),
        [ACTIVATION_GELU] = reference_gelu(x),
        [ACTIVATION_RELU6] = fmin(fmax(x, 0), 6),
        [ACTIVATION_SIGMOID] = soft,
        [ACTIVATION_HARDSIGMOID] = hard,
        [ACTIVATION_SILU] = x * soft,
        [ACTIVATION_HARDSWISH] = x * hard,
    };
    return values[kind];
}

/* Values and slopes over the range where the curves bend, and far outside. */
static void test_curves(void **state)
{
    (void)state;
    enum { COUNT = 4001 };
    float *x = mem_aligned(COUNT, sizeof *x), *y = poisoned_floats(COUNT);
    float *slope = poisoned_floats(COUNT), *dx = poisoned_floats(COUNT);
    float *dy = mem_aligned(COUNT, sizeof *dy);
    EACH_ISA(isa)
    {
        for (int k = 0; k < ACTIVATIONS; k++) {
            enum activation kind = (enum activation)k;
            bool slopes = kind == ACTIVATION_GELU || kind == ACTIVATION_SILU ||
                          kind == ACTIVATION_HARDSWISH;
            for (int i = 0; i < COUNT; i++) {
                x[i] = (float)(i - COUNT / 2) * 0.0101f; /* meets no kink */
                dy[i] = i % 2 ? 2.0f : -1.0f;
            }
            activation_forward(&alone, kind, y, slope, x, COUNT);
            activation_backward(&alone, kind, dx, dy, slopes ? slope : y, COUNT);
            for (int i = 0; i < COUNT; i++) {
                double at = (double)x[i], h = 1e-5;
                double want = (curve(kind, at + h) - curve(kind, at - h)) / (2 * h);
                if (!is_close(y[i], curve(kind, at)))
                    fail_msg("%d: %g gives %g", k, at, (double)y[i]);
                if (fabs((double)(dx[i] / dy[i]) - want) > 3e-6 && i != COUNT / 2)
                    fail_msg("%d: the slope at %g is %g", k, at, (double)(dx[i] / dy[i]));
            }
        }
    }
    free(x);
    free(y);
    free(slope);
    free(dx);
    free(dy);
}

static void test_curves_special(void **state)
{
    (void)state;
    const float x[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 0.0f};
    EACH_ISA(isa)
    {
        for (int k = 0; k < ACTIVATIONS; k++) {
            float y[6], slope[6], again[6];
            activation_forward(&alone, (enum activation)k, y, slope, x, 6);
            assert_true(isnan(y[0]));
            assert_true(y[3] == (float)curve((enum activation)k, 3e38));
            assert_true(y[5] == (float)curve((enum activation)k, 0));
            activation_forward(&alone, (enum activation)k, again, NULL, x, 6);
            assert_memory_equal(y + 3, again + 3, 3 * sizeof *y);
        }
    }
}

static void test_logsoftmax(void **state)
{
    (void)state;
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 1, RNG_TEST, 3, 0);
        for (int i = 0; i < 20; i++) {
            int rows = random_between(&rng, 1, 40), classes = random_between(&rng, 1, 70);
            size_t n = (size_t)(rows * classes);
            float *x = random_floats(&rng, n), *dy = random_floats(&rng, n);
            float *y = poisoned_floats(n), *dx = poisoned_floats(n);
            float *want = poisoned_floats(n);
            for (size_t j = 0; j < n; j++)
                x[j] *= i % 2 ? 100.0f : 3.0f;
            logsoftmax_forward(&alone, y, x, rows, classes);
            reference_logsoftmax_forward(want, x, rows, classes);
            assert_near(y, want, n, i % 2 ? 4e-5 : 2e-6);
            logsoftmax_backward(&alone, dx, dy, y, rows, classes);
            reference_logsoftmax_backward(want, dy, y, rows, classes);
            assert_near(dx, want, n, 1e-5);
            float *all[] = {x, dy, y, dx, want};
            for (int j = 0; j < 5; j++)
                free(all[j]);
        }
    }
}

/* Over every float, in steps; nothing is lost on either side. */
static void test_logsigmoid(void **state)
{
    (void)state;
    enum { N = 4096, STRIDE = 9973 };
    EACH_ISA(isa)
    {
        float x[2 * N], y[2 * N];
        uint32_t bits = 0;
        while (bits < 0x42ae0000u) { /* 87: exp(-87) is the least that is told from 0 */
            for (int i = 0; i < N; i++, bits += STRIDE) {
                memcpy(&x[2 * i], &bits, sizeof bits);
                x[2 * i + 1] = -x[2 * i];
            }
            logsigmoid_forward(&alone, y, x, 2 * N);
            for (int i = 0; i < 2 * N; i++) {
                double v = (double)x[i], want = fmin(v, 0) - log1p(exp(-fabs(v)));
                if (v < 87 && !(fabs((double)y[i] - want) <= -5e-7 * want))
                    fail_msg("log sigmoid(%g) is not %g", v, (double)y[i]);
            }
        }
        const float special[] = {NAN, 1000, -1000, INFINITY, -INFINITY, 0, -0.0f};
        logsigmoid_forward(&alone, y, special, 7);
        assert_true(isnan(y[0]) && y[1] == 0 && y[2] == -1000 && y[3] == 0);
        assert_true(y[4] == -INFINITY && fabsf(y[5] + 0.6931472f) < 1e-7f &&
                    y[6] == y[5]);
    }
}

/* exp alone, over every float that it can tell from 0: with one class and dy = 1 the
   gradient is 1 - exp(y). */
static void test_exp(void **state)
{
    (void)state;
    enum { N = 4096, STRIDE = 97 };
    EACH_ISA(isa)
    {
        float y[N], dy[N], dx[N];
        uint32_t bits = 0;
        while (bits < 0x42d00000u) { /* 104: exp(-104) is no float */
            for (int i = 0; i < N; i++, bits += STRIDE) {
                memcpy(&y[i], &bits, sizeof bits);
                y[i] = -y[i];
                dy[i] = 1.0f;
            }
            logsoftmax_backward(&alone, dx, dy, y, N, 1);
            for (int i = 0; i < N; i++)
                if (!(fabs((double)dx[i] - (1.0 - exp((double)y[i]))) <= 2e-7))
                    fail_msg("1 - exp(%g) is not %g", (double)y[i], (double)dx[i]);
        }
    }
}

static void test_logsoftmax_special(void **state)
{
    (void)state;
    const float x[3][3] = {
        {1000.0f, 0.0f, -1000.0f}, {0.0f, NAN, 0.0f}, {-INFINITY, 0.0f, 0.0f}};
    EACH_ISA(isa)
    {
        float y[3][3];
        logsoftmax_forward(&alone, &y[0][0], &x[0][0], 3, 3);
        assert_true(y[0][0] == 0.0f && y[0][1] == -1000.0f && y[0][2] == -2000.0f);
        assert_true(isnan(y[1][0]) && isnan(y[1][1]) && isnan(y[1][2]));
        assert_true(y[2][0] == -INFINITY && fabsf(y[2][1] + 0.6931472f) < 1e-6f);
    }
}

static void test_dropout(void **state)
{
    (void)state;
    const float x[] = {1.0f, 2.0f, NAN, 4.0f};
    const uint8_t keep[] = {1, 0, 0, 1};
    EACH_ISA(isa)
    {
        float y[4];
        dropout_apply(&alone, y, x, keep, 2.0f, 4);
        assert_true(y[0] == 2.0f && y[1] == 0.0f && y[2] == 0.0f && y[3] == 8.0f);
    }
}

/* --- teams --- */

enum { ELEMENTS = 26 * 97 };

struct elements {
    const float *x, *dy;
    const uint8_t *keep;
    float *y[10];
};

static void run_all(const struct team *team, void *context)
{
    struct elements *e = context;
    relu_forward(team, e->y[0], e->x, ELEMENTS);
    relu_backward(team, e->y[1], e->dy, e->y[0], ELEMENTS);
    gelu_forward(team, e->y[2], e->y[3], e->x, ELEMENTS);
    gelu_backward(team, e->y[4], e->dy, e->y[3], ELEMENTS);
    gelu_forward(team, e->y[5], NULL, e->x, ELEMENTS);
    dropout_apply(team, e->y[6], e->x, e->keep, 1.25f, ELEMENTS);
    logsoftmax_forward(team, e->y[7], e->x, 97, 26);
    logsoftmax_backward(team, e->y[8], e->dy, e->y[7], 97, 26);
    logsigmoid_forward(team, e->y[9], e->x, ELEMENTS);
}

static void test_teams(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 2, RNG_TEST, 3, 0);
    float *x = random_floats(&rng, ELEMENTS), *dy = random_floats(&rng, ELEMENTS);
    uint8_t *keep = mem_aligned(ELEMENTS, 1);
    for (int i = 0; i < ELEMENTS; i++)
        keep[i] = (uint8_t)rng_below(&rng, 2);
    struct elements one = {x, dy, keep, {0}}, many = one;
    for (int i = 0; i < 10; i++) {
        one.y[i] = poisoned_floats(ELEMENTS);
        many.y[i] = poisoned_floats(ELEMENTS);
    }
    EACH_ISA(isa)
    {
        run_all(&alone, &one);
        EACH_TEAM(size, split)
        {
            with_split(split, size, run_all, &many);
            for (int i = 0; i < 10; i++)
                assert_memory_equal(one.y[i], many.y[i], ELEMENTS * sizeof(float));
        }
    }
    for (int i = 0; i < 10; i++) {
        free(one.y[i]);
        free(many.y[i]);
    }
    free(x);
    free(dy);
    free(keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gelu_range),
        cmocka_unit_test(test_gelu_special),
        cmocka_unit_test(test_relu),
        cmocka_unit_test(test_curves),
        cmocka_unit_test(test_curves_special),
        cmocka_unit_test(test_logsoftmax),
        cmocka_unit_test(test_logsigmoid),
        cmocka_unit_test(test_exp),
        cmocka_unit_test(test_logsoftmax_special),
        cmocka_unit_test(test_dropout),
        cmocka_unit_test(test_teams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
