#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/bytes.h"

static void expect(double bytes, const char *text)
{
    assert_string_equal(bytes_text(bytes).text, text);
}

static void test_three_digits(void **state)
{
    (void)state;
    expect(0, "0 bytes");
    expect(1, "1 bytes");
    expect(999, "999 bytes");
    expect(1000, "1.00 kB");
    expect(5432, "5.43 kB");
    expect(54321, "54.3 kB");
    expect(543210, "543 kB");
    expect(4.1e6, "4.10 MB");
    expect(1e9 / 3, "333 MB");
    expect(16e9, "16.0 GB");
    expect(4398.05e9, "4.40 TB");
    expect((double)SIZE_MAX, "18.4 EB");
}

/* Rounding never leads to four digits. */
static void test_borders(void **state)
{
    (void)state;
    expect(999.4, "999 bytes");
    expect(9994, "9.99 kB");
    expect(9996, "10.0 kB");
    expect(99940, "99.9 kB");
    expect(99960, "100 kB");
    expect(999400, "999 kB");
    expect(999600, "1.00 MB");
}

static void test_two_at_once(void **state)
{
    (void)state;
    char line[64];
    snprintf(line, sizeof line, "%s of %s", bytes_text(2e6).text, bytes_text(3e9).text);
    assert_string_equal(line, "2.00 MB of 3.00 GB");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_digits),
        cmocka_unit_test(test_borders),
        cmocka_unit_test(test_two_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
