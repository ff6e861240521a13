#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernels/cpu.h"

static void test_quota(void **state)
{
    (void)state;
    assert_int_equal(cpu_within_quota(64, 0), 64); /* none */
    assert_int_equal(cpu_within_quota(64, 0.5), 1);
    assert_int_equal(cpu_within_quota(64, 1), 1);
    assert_int_equal(cpu_within_quota(64, 1.5), 2);
    assert_int_equal(cpu_within_quota(64, 2), 2);
    assert_int_equal(cpu_within_quota(64, 63.01), 64);
    assert_int_equal(cpu_within_quota(64, 1e12), 64);
    assert_int_equal(cpu_within_quota(1, 0.001), 1);
}

static void test_machine(void **state)
{
    (void)state;
    assert_in_range(cpu_allowed(), 1, cpu_online());
    assert_in_range(cpu_usable(), 1, cpu_allowed());
    assert_in_range(cpu_allowed_cores(), 1, cpu_allowed());
    assert_in_range(cpu_cores(), cpu_allowed_cores(), cpu_online());
    assert_in_range(cpu_sockets(), 1, cpu_cores());
    assert_true((cpu_quota() > 0) == (*cpu_quota_source() == '/'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quota),
        cmocka_unit_test(test_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
