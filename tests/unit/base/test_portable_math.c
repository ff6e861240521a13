#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "../golden.h"
#include "base/portable_math.h"
#include "base/rng.h"

static double uniform(struct rng *rng, double lo, double hi)
{
    return lo + (hi - lo) * ((double)rng_u32(rng) + 0.5) * 0x1p-32;
}

static void assert_relative(double got, double want, double limit)
{
    if (!(fabs(got - want) <= limit * fabs(want)))
        fail_msg("%.17g is not %.17g", got, want);
}

static void assert_absolute(double got, double want, double limit)
{
    if (!(fabs(got - want) <= limit))
        fail_msg("%.17g is not %.17g", got, want);
}

/* Against the C library, which is right to less than one unit in the last place. */
static void test_errors(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 1, RNG_TEST, 0, 0);
    for (int i = 0; i < 100000; i++) {
        double x = uniform(&rng, 0, 1), y = uniform(&rng, 0, 3000);
        assert_relative(portable_log(x), log(x), 5e-16);
        assert_relative(portable_log(1 + x * 1e-3), log(1 + x * 1e-3), 5e-16);
        assert_relative(portable_log(y), log(y), 5e-16);
        assert_relative(portable_exp(x), exp(x), 5e-16);
        assert_relative(portable_exp(x * 1380 - 680), exp(x * 1380 - 680), 5e-16);
        assert_absolute(portable_sin(y - 1500), sin(y - 1500), 3e-16);
        assert_absolute(portable_cos(y - 1500), cos(y - 1500), 3e-16);
        assert_absolute(portable_cos(7 * x), cos(7 * x), 3e-16);
        assert_relative(portable_pow(x, y / 200), pow(x, y / 200),
                        (2 + fabs(y / 200 * log(x))) * 4.5e-16);
    }
}

static void test_special_values(void **state)
{
    (void)state;
    assert_true(portable_log(1) == 0);
    assert_true(portable_log(0) == -INFINITY);
    assert_true(portable_log(INFINITY) == INFINITY);
    assert_true(isnan(portable_log(-1)) && isnan(portable_log(NAN)));
    assert_true(portable_exp(0) == 1);
    assert_true(portable_exp(-INFINITY) == 0);
    assert_true(portable_exp(INFINITY) == INFINITY);
    assert_true(isnan(portable_exp(NAN)));
    assert_true(portable_sin(0) == 0 && portable_cos(0) == 1);
    assert_true(portable_pow(0, 2) == 0 && portable_pow(0, 0) == 1);
    assert_true(portable_pow(1, 1e9) == 1);
    assert_true(isnan(portable_pow(NAN, 2)));
}

static void test_golden_bits(void **state)
{
    (void)state;
    uint64_t hash = GOLDEN_START;
    struct rng rng;
    rng_init(&rng, 2, RNG_TEST, 0, 0);
    for (int i = 0; i < 2000; i++) {
        double x = uniform(&rng, 0, 1), y = uniform(&rng, -100, 100);
        const double results[] = {portable_log(x), portable_exp(y), portable_sin(y),
                                  portable_cos(y), portable_pow(x, y)};
        hash = golden_hash(hash, results, sizeof results);
    }
    golden_check("portable-math", hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_special_values),
        cmocka_unit_test(test_golden_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
