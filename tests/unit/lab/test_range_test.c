/* The learning rate range test on losses made by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "lab/range_test.h"

/* Gives it losses until it ends. */
static void feed(struct range_test *test, double (*loss)(double rate, struct rng *rng))
{
    struct rng rng;
    rng_init(&rng, 1, RNG_TEST, 0, 0);
    while (range_test_add(test, loss(test->rate[test->count], &rng)))
        continue;
    range_test_finish(test);
}

static void near(double x, double wanted, double most)
{
    if (fabs(x - wanted) > most)
        fail_msg("%.9g is not near %.9g", x, wanted);
}

static double noise(struct rng *rng, double most)
{
    return most * (2 * (double)rng_uniform(rng) - 1);
}

/* Falls from 3 to 1 about rate 0.01, steepest there, and explodes from 0.5 on. */
static double usual(double rate, struct rng *rng)
{
    double x = log10(rate / 0.01);
    double fallen = 1 / (1 + exp(-4 * x));
    return 3 - 2 * fallen + pow(rate / 0.5, 4) + noise(rng, 0.05);
}

static double flat(double rate, struct rng *rng)
{
    (void)rate;
    return 3 + noise(rng, 0.1);
}

static double tiny_fall(double rate, struct rng *rng)
{
    (void)rng;
    return 3 - 0.02 / (1 + 0.01 / rate);
}

static double rising(double rate, struct rng *rng)
{
    return 3 + rate + noise(rng, 0.01);
}

static double bad_at_once(double rate, struct rng *rng)
{
    (void)rate;
    (void)rng;
    return NAN;
}

static double bad_later(double rate, struct rng *rng)
{
    return rate > 0.3 ? INFINITY : usual(rate, rng);
}

/* A constant factor from step to step. */
static void test_rates(void **state)
{
    (void)state;
    struct range_test test;
    range_test_init(&test, 1e-5, 10, 61);
    assert_int_equal(test.reach, 3);
    assert_true(test.rate[0] == 1e-5 && test.rate[60] == 10);
    for (int i = 0; i < 61; i++)
        near(test.rate[i] / pow(10, -5 + 0.1 * i), 1, 1e-12);
    range_test_release(&test);
}

static void test_suggestion(void **state)
{
    (void)state;
    static const int steps[] = {50, 100, 400};
    for (int i = 0; i < 3; i++) {
        struct range_test test;
        range_test_init(&test, 1e-5, 10, steps[i]);
        feed(&test, usual);
        assert_int_equal(test.end, RANGE_TEST_ROSE);
        assert_true(test.count < steps[i] && test.steepest < test.least);
        near(log10(test.rate[test.steepest]), -2, 0.3);
        near(log10(test.rate[test.least]), -0.9, 0.4);
        range_test_release(&test);
    }
}

/* Losses on a straight line are their own smooth values, up to both ends. */
static void test_smooth(void **state)
{
    (void)state;
    struct range_test test;
    range_test_init(&test, 0.001, 1, 40);
    for (int i = 0; i < 40; i++)
        assert_int_equal(range_test_add(&test, 5 - 0.1 * i), i < 39);
    range_test_finish(&test);
    assert_int_equal(test.end, RANGE_TEST_DONE);
    assert_int_equal(test.least, 39);
    for (int i = 0; i < 40; i++)
        near(test.smooth[i], 5 - 0.1 * i, 1e-12);
    range_test_release(&test);
    /* and one that sticks out is spread over 2 reach + 1 = 5 */
    range_test_init(&test, 0.001, 1, 40);
    for (int i = 0; i < 40; i++)
        range_test_add(&test, i == 20 ? 2 : 1);
    range_test_finish(&test);
    for (int i = 0; i < 40; i++)
        near(test.smooth[i], i >= 18 && i <= 22 ? 1.2 : 1, 1e-12);
    range_test_release(&test);
}

static void test_no_suggestion(void **state)
{
    (void)state;
    double (*const losses[])(double, struct rng *) = {flat, tiny_fall, rising,
                                                      bad_at_once};
    for (int i = 0; i < 4; i++) {
        struct range_test test;
        range_test_init(&test, 1e-5, 1, 100);
        feed(&test, losses[i]);
        assert_int_equal(test.steepest, -1);
        assert_int_equal(test.count, losses[i] == bad_at_once ? 0 : 100);
        range_test_release(&test);
    }
}

static void test_bad_numbers(void **state)
{
    (void)state;
    struct range_test test;
    range_test_init(&test, 1e-5, 10, 100);
    feed(&test, bad_later);
    assert_int_equal(test.end, RANGE_TEST_BAD);
    assert_true(test.rate[test.count - 1] <= 0.3 && test.rate[test.count] > 0.3);
    near(log10(test.rate[test.steepest]), -2, 0.3);
    range_test_release(&test);
}

/* One loss that sticks out does not end the test, four of five do. */
static void test_rise(void **state)
{
    (void)state;
    struct range_test test;
    range_test_init(&test, 1e-5, 10, 100);
    for (int i = 0; i < 30; i++)
        assert_true(range_test_add(&test, i == 20 ? 15 : 1)); /* (15 + 4) / 5 < 4 */
    for (int i = 0; i < 3; i++)
        assert_true(range_test_add(&test, 5));
    assert_false(range_test_add(&test, 5)); /* (1 + 4 * 5) / 5 > 4 */
    assert_int_equal(test.end, RANGE_TEST_ROSE);
    range_test_release(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates),       cmocka_unit_test(test_suggestion),
        cmocka_unit_test(test_smooth),      cmocka_unit_test(test_no_suggestion),
        cmocka_unit_test(test_bad_numbers), cmocka_unit_test(test_rise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
