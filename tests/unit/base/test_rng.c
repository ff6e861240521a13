#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"

/* kat_vectors of Random123 1.09, the lines "philox4x32 10". */
static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u},
         {~0u, ~0u},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (int i = 0; i < 3; i++) {
        uint32_t out[4];
        rng_philox(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].out, sizeof out);
    }
}

/* A stream is the blocks of counters 0, 1, ... under the seed's key. */
static void test_stream_is_blocks(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 0x123456789abcdef0u, RNG_TEST, 77, 0x00c0ffee12345678u);
    for (uint32_t i = 0; i < 5; i++) {
        uint32_t counter[4] = {i, 77, 0x12345678, (uint32_t)RNG_TEST << 24 | 0xc0ffee};
        uint32_t key[2] = {0x9abcdef0u, 0x12345678u}, out[4];
        rng_philox(counter, key, out);
        for (int j = 0; j < 4; j++)
            assert_int_equal(rng_u32(&rng), out[j]);
    }
}

struct stream_name {
    uint64_t seed;
    enum rng_purpose purpose;
    uint32_t a;
    uint64_t b;
};

static struct rng stream(struct stream_name n)
{
    struct rng rng;
    rng_init(&rng, n.seed, n.purpose, n.a, n.b);
    return rng;
}

/* A change in any part of the name, up to its highest bit, gives another stream. */
static const struct stream_name names[] = {
    {1, RNG_TEST, 0, 0},          {2, RNG_TEST, 0, 0},
    {1ull << 32, RNG_TEST, 0, 0}, {1ull << 63, RNG_TEST, 0, 0},
    {1, RNG_AUGMENT, 0, 0},       {1, RNG_DROPOUT, 0, 0},
    {1, RNG_TEST, 1, 0},          {1, RNG_TEST, 1u << 31, 0},
    {1, RNG_TEST, 0, 1},          {1, RNG_TEST, 0, 1ull << 31},
    {1, RNG_TEST, 0, 1ull << 32}, {1, RNG_TEST, 0, 1ull << 55},
};
enum { NAMES = sizeof names / sizeof names[0], DRAWS = 4000 };

static void test_same_name_same_numbers(void **state)
{
    (void)state;
    for (int i = 0; i < NAMES; i++) {
        struct rng one = stream(names[i]), two = stream(names[i]);
        for (int k = 0; k < 100; k++)
            assert_int_equal(rng_u32(&one), rng_u32(&two));
    }
}

/* Numbers at the same position of two streams are never equal and not correlated, within
   5 standard deviations. */
static void test_streams_are_independent(void **state)
{
    (void)state;
    for (int i = 0; i < NAMES; i++) {
        for (int j = 0; j < i; j++) {
            struct rng one = stream(names[i]), two = stream(names[j]);
            double product = 0;
            int equal = 0;
            for (int k = 0; k < DRAWS; k++) {
                uint32_t x = rng_u32(&one), y = rng_u32(&two);
                equal += x == y;
                product += (x * 0x1p-32 - 0.5) * (y * 0x1p-32 - 0.5);
            }
            assert_int_equal(equal, 0);
            assert_true(fabs(product) < 5 * sqrt(DRAWS) / 12);
        }
    }
}

/* Six faces: chi-square with 5 degrees of freedom exceeds 30 once in 70,000 times. */
static void test_below_is_even(void **state)
{
    (void)state;
    struct rng rng = stream(names[0]);
    int count[6] = {0};
    double chi = 0;
    for (int i = 0; i < 60000; i++) {
        uint32_t face = rng_below(&rng, 6);
        assert_true(face < 6);
        count[face]++;
    }
    for (int i = 0; i < 6; i++)
        chi += (count[i] - 10000.0) * (count[i] - 10000.0) / 10000.0;
    assert_true(chi < 30);
}

/* Without rejection, a third of 3 * 2^30 numbers would come twice as often. */
static void test_below_has_no_bias(void **state)
{
    (void)state;
    struct rng rng = stream(names[0]);
    int third[3] = {0};
    for (int i = 0; i < 30000; i++)
        third[rng_below(&rng, 3u << 30) % 3]++;
    for (int i = 0; i < 3; i++)
        assert_true(fabs(third[i] - 10000.0) < 5 * sqrt(30000 * 2.0 / 9));
    for (int i = 0; i < 20; i++)
        assert_int_equal(rng_below(&rng, 1), 0);
    for (int i = 0; i < 20; i++)
        assert_true(rng_below(&rng, UINT32_MAX) < UINT32_MAX);
}

static void test_uniform(void **state)
{
    (void)state;
    enum { N = 100000 };
    struct rng rng = stream(names[0]);
    double sum = 0, squares = 0;
    for (int i = 0; i < N; i++) {
        float x = rng_uniform(&rng);
        assert_true(x >= 0 && x < 1);
        assert_true(x * 0x1p24f == floorf(x * 0x1p24f));
        sum += x;
        squares += (double)x * x;
    }
    assert_true(fabs(sum / N - 0.5) < 5 * sqrt(1.0 / 12 / N));
    assert_true(fabs(squares / N - 1.0 / 3) < 5 * sqrt(4.0 / 45 / N));
}

static void test_range(void **state)
{
    (void)state;
    struct rng rng = stream(names[0]), unit = stream(names[0]);
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        float x = rng_range(&rng, -3, 5), u = rng_uniform(&unit);
        assert_true(x >= -3 && x < 5);
        assert_true(fabsf(x - (8 * u - 3)) < 1e-5f);
        sum += x;
    }
    assert_true(fabs(sum / 10000 - 1) < 5 * 8 / sqrt(12 * 10000.0));
}

/* Moments 1 to 4 of the standard normal are 0, 1, 0, 3; their estimates' variances are
   1, 2, 15, 96 over N. */
static void test_normal(void **state)
{
    (void)state;
    enum { N = 200000 };
    static const double moment[4] = {0, 1, 0, 3}, variance[4] = {1, 2, 15, 96};
    struct rng rng = stream(names[0]);
    double sum[4] = {0}, neighbours = 0, last = 0;
    int far = 0;
    for (int i = 0; i < N; i++) {
        double x = rng_normal(&rng), power = 1;
        for (int k = 0; k < 4; k++)
            sum[k] += power *= x;
        far += fabs(x) > 3;
        neighbours += x * last;
        last = x;
    }
    for (int k = 0; k < 4; k++)
        assert_true(fabs(sum[k] / N - moment[k]) < 5 * sqrt(variance[k] / N));
    assert_true(fabs(neighbours / N) < 5 / sqrt(N));
    assert_true(fabs(far - 0.0026998 * N) < 5 * sqrt(0.0026998 * N));
}

/* Two words give a number by the formula, with u in (0, 1) and v in [0, 1). */
static void test_normal_formula(void **state)
{
    (void)state;
    struct rng rng = stream(names[0]), words = stream(names[0]);
    for (int i = 0; i < 100; i++) {
        double u = (rng_u32(&words) + 0.5) / 4294967296.0;
        double v = rng_u32(&words) / 4294967296.0;
        double x = sqrt(-2 * log(u)) * cos(2 * acos(-1.0) * v);
        assert_true(fabs(rng_normal(&rng) - x) < 1e-6);
    }
}

/* Moments 1 to 4 of Beta(a, a): the product of (a + i) / (2 a + i), i < k. Their
   estimates' variances are at most 1/4 over N. */
static void check_beta(double a, uint64_t number)
{
    enum { N = 40000 };
    struct rng rng = stream((struct stream_name){5, RNG_TEST, 0, number});
    double sum[4] = {0}, moment = 1;
    for (int i = 0; i < N; i++) {
        double x = rng_beta(&rng, a), power = 1;
        assert_true(x >= 0 && x <= 1);
        for (int k = 0; k < 4; k++)
            sum[k] += power *= x;
    }
    for (int k = 0; k < 4; k++) {
        moment *= (a + k) / (2 * a + k);
        assert_true(fabs(sum[k] / N - moment) < 5 * 0.5 / sqrt(N));
    }
}

static void test_beta(void **state)
{
    (void)state;
    static const double as[] = {1e-9, 0.01, 0.2, 0.5, 1, 1.5, 4, 100};
    for (uint64_t i = 0; i < sizeof as / sizeof as[0]; i++)
        check_beta(as[i], i);
}

/* Beta(1, 1) is uniform; of Beta(1/2, 1/2), 2 / pi asin(sqrt(x)) is. */
static void test_beta_distribution(void **state)
{
    (void)state;
    enum { N = 60000, PARTS = 6 };
    struct rng rng = stream(names[0]);
    int even[PARTS] = {0}, arc[PARTS] = {0};
    double chi = 0;
    for (int i = 0; i < N; i++) {
        double x = rng_beta(&rng, 1), y = rng_beta(&rng, 0.5);
        even[(int)(fmin(x, 0.999999) * PARTS)]++;
        arc[(int)(fmin(2 / acos(-1.0) * asin(sqrt(y)), 0.999999) * PARTS)]++;
    }
    for (int i = 0; i < PARTS; i++)
        chi += pow(even[i] - N / PARTS, 2) + pow(arc[i] - N / PARTS, 2);
    assert_true(chi / (N / PARTS) < 40); /* 10 degrees of freedom: once in 60,000 times */
}

/* The same numbers on every machine. */
static void test_beta_bits(void **state)
{
    (void)state;
    static const double as[] = {0.2, 1, 4};
    static const double known[] = {
        0x1.31881f70cd048p-5, 0x1.052d22712p-17,    0x1.0c10ae9e9d3cap-2,
        0x1.0b0836877367ap-2, 0x1.09a46609c6838p-5, 0x1.9391ace0c8c9ep-2,
        0x1.868a78e8bd0aap-2, 0x1.747ded57bb754p-3, 0x1.c9efa80b083cbp-2};
    for (int i = 0; i < 3; i++) {
        struct rng rng = stream(names[0]);
        for (int k = 0; k < 3; k++)
            assert_true(rng_beta(&rng, as[i]) == known[3 * i + k]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_stream_is_blocks),
        cmocka_unit_test(test_same_name_same_numbers),
        cmocka_unit_test(test_streams_are_independent),
        cmocka_unit_test(test_below_is_even),
        cmocka_unit_test(test_below_has_no_bias),
        cmocka_unit_test(test_uniform),
        cmocka_unit_test(test_range),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_normal_formula),
        cmocka_unit_test(test_beta),
        cmocka_unit_test(test_beta_distribution),
        cmocka_unit_test(test_beta_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
