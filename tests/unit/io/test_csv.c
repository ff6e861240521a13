/* Fields of CSV. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "io/csv.h"

static char *csv_text;
static size_t csv_bytes;

static FILE *csv_begin(void)
{
    free(csv_text);
    csv_text = NULL;
    return open_memstream(&csv_text, &csv_bytes);
}

static void expect_number(double number, const char *wanted)
{
    FILE *file = csv_begin();
    csv_write_number(file, number);
    fclose(file);
    assert_string_equal(csv_text, wanted);
    if (isfinite(number))
        assert_true(strtod(csv_text, NULL) == number);
}

static void test_numbers(void **state)
{
    (void)state;
    expect_number(0, "0");
    expect_number(0.1, "0.1");
    expect_number(1.0 / 3, "0.3333333333333333");
    expect_number(2.0 / 3, "0.6666666666666666");
    expect_number(123456789, "123456789");
    expect_number(-1.5e-300, "-1.5e-300");
    expect_number(nextafter(1, 2), "1.0000000000000002");
    expect_number(-(double)NAN, "nan");
    expect_number((double)INFINITY, "inf");
}

static void test_texts(void **state)
{
    (void)state;
    FILE *file = csv_begin();
    csv_write_text(file, "a \"b\", c");
    fclose(file);
    assert_string_equal(csv_text, "\"a \"\"b\"\", c\"");
    free(csv_text);
    csv_text = NULL;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
