/* A JSON object in a line: escapes, numbers, objects in it. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "io/json_line.h"

static void expect_line(struct json_line *line, const char *wanted)
{
    char *text = json_line_finish(line);
    assert_string_equal(text, wanted);
    free(text);
}

static void test_values(void **state)
{
    (void)state;
    struct json_line *line = json_line_create();
    json_line_text(line, "z", "a \"b\"\n\\");
    json_line_number(line, "a", 0.1);
    json_line_number(line, "small", 1e-9);
    json_line_count(line, "count", 18446744073709ull);
    json_line_flag(line, "yes", true);
    json_line_flag(line, "no", false);
    expect_line(line, "{\"z\":\"a \\\"b\\\"\\n\\\\\",\"a\":0.1,\"small\":1e-9,"
                      "\"count\":18446744073709,\"yes\":true,\"no\":false}");
    expect_line(json_line_create(), "{}");
}

/* What JSON has no word for. */
static void test_null(void **state)
{
    (void)state;
    struct json_line *line = json_line_create();
    json_line_number(line, "nan", (double)NAN);
    json_line_number(line, "inf", -(double)INFINITY);
    json_line_text(line, "text", NULL);
    json_line_text(line, "latin1", "caf\xe9");
    json_line_count(line, "most", UINT64_MAX);
    expect_line(line,
                "{\"nan\":null,\"inf\":null,\"text\":null,\"latin1\":\"caf\xef\xbf\xbd\","
                "\"most\":1.84467440737096e19}");
}

static void test_objects(void **state)
{
    (void)state;
    struct json_line *line = json_line_create();
    struct json_line *first = json_line_object(line, "first");
    struct json_line *inner = json_line_object(first, "inner");
    struct json_line *second = json_line_object(line, "second");
    json_line_count(inner, "x", 1);
    json_line_count(second, "y", 2);
    json_line_count(first, "z", 3);
    expect_line(line, "{\"first\":{\"inner\":{\"x\":1},\"z\":3},\"second\":{\"y\":2}}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_null),
        cmocka_unit_test(test_objects),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
