#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/div.h"

/* The quotient is the least one whose product with the divisor reaches n. */
static void test_up(void **state)
{
    (void)state;
    for (int n = 0; n <= 100; n++)
        for (int by = 1; by <= 101; by++) {
            int parts = div_up(n, by);
            assert_true(parts * by >= n);
            assert_true(parts == 0 || (parts - 1) * by < n);
            assert_int_equal(div_up_u64((uint64_t)n, (uint64_t)by), parts);
            assert_int_equal(div_round_up((size_t)n, (size_t)by), parts * by);
        }
}

/* Where the sum of both would be too large. */
static void test_large(void **state)
{
    (void)state;
    assert_int_equal(div_up(INT32_MAX, 2), 1 << 30);
    assert_int_equal(div_up(INT32_MAX, INT32_MAX), 1);
    assert_true(div_up_u64(UINT64_MAX, 2) == UINT64_C(1) << 63);
    assert_true(div_up_u64(UINT64_MAX, UINT64_MAX) == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_up),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
