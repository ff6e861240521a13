/* Average precision, for rankings that can be checked by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/rng.h"
#include "train/average_precision.h"

#define CHECK(want, ...)                                                          \
    do {                                                                          \
        struct scored sample[] = {__VA_ARGS__};                                   \
        double found = average_precision(sample, sizeof sample / sizeof *sample); \
        assert_true(fabs(found - (want)) < 1e-15);                                \
    } while (0)

static void test_by_hand(void **state)
{
    (void)state;
    CHECK(1, {0.9f, 1}, {0.8f, 1}, {0.1f, 0});
    /* at recall 1/2 precision 1/2, at 1 precision 2/3 */
    CHECK(0.5 * (1.0 / 2) + 0.5 * (2.0 / 3), {3, 0}, {2, 1}, {1, 1});
    /* scikit-learn's example: y 0, 0, 1, 1, scores 0.1, 0.4, 0.35, 0.8: 0.83 */
    CHECK(0.5 * 1 + 0.5 * (2.0 / 3), {0.1f, 0}, {0.4f, 0}, {0.35f, 1}, {0.8f, 1});
    CHECK(1.0 / 4, {-1, 1}, {0, 0}, {1, 0}, {2, 0});
    CHECK(1, {5, 1});
}

/* Samples of equal scores count as one: their order does not matter. */
static void test_ties(void **state)
{
    (void)state;
    CHECK(2.0 / 4, {1, 1}, {1, 0}, {1, 1}, {1, 0});
    CHECK(2.0 / 4, {1, 0}, {1, 0}, {1, 1}, {1, 1});
    CHECK(0.5 * (1.0 / 2) + 0.5 * (2.0 / 3), {2, 1}, {2, 0}, {1, 1}, {0, 0});
    CHECK(0.5 * (1.0 / 2) + 0.5 * (2.0 / 3), {2, 0}, {1, 1}, {0, 0}, {2, 1});
    CHECK(1, {0.0f, 1}, {-0.0f, 1}, {-1, 0});
}

static void test_none(void **state)
{
    (void)state;
    struct scored nothing[] = {{1, 0}, {2, 0}};
    assert_true(isnan(average_precision(nothing, 2)));
    assert_true(isnan(average_precision(nothing, 0)));
}

static void test_bad_scores(void **state)
{
    (void)state;
    CHECK(0.5 + 0.5 * (2.0 / 4), {NAN, 1}, {2, 1}, {1, 0}, {-INFINITY, 0});
    CHECK(0.5 + 0.5 * (2.0 / 4), {-INFINITY, 0}, {1, 0}, {NAN, 1}, {2, 1});
}

/* Another order of the same samples has the same bits; random scores the share of those
   that have the class. */
static void test_order(void **state)
{
    (void)state;
    enum { N = 2000 };
    struct scored one[N], two[N];
    struct rng rng;
    rng_init(&rng, 4, RNG_TEST, 0, 0);
    for (int i = 0; i < N; i++) {
        one[i] = (struct scored){(float)rng_below(&rng, 500), rng_below(&rng, 4) == 0};
        two[N - 1 - i] = one[i];
    }
    double found = average_precision(one, N);
    assert_true(found == average_precision(two, N));
    assert_true(found > 0.2 && found < 0.3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand), cmocka_unit_test(test_ties),
        cmocka_unit_test(test_none), cmocka_unit_test(test_bad_scores),
        cmocka_unit_test(test_order)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
