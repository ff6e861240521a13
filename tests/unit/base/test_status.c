#include "capture.h"

#include <stdio.h>

#include "base/status.h"

static enum status fail_as(enum status code)
{
    if (code != ST_OK)
        FAIL(code, "refused '%d'", (int)code);
    return ST_OK;
}

static enum status hand_on(enum status code, int *reached)
{
    TRY(fail_as(code));
    ++*reached;
    return ST_OK;
}

static enum status clean_up(enum status code, int *reached)
{
    enum status st;
    TRY_TO(out, fail_as(ST_OK));
    TRY_TO(out, fail_as(code));
    *reached += 10;
out:
    *reached += 1;
    return st;
}

static int pass_on(void)
{
    int reached = 0;
    if (hand_on(ST_USAGE, &reached) != ST_USAGE || reached != 0)
        return 1;
    if (hand_on(ST_OK, &reached) != ST_OK || reached != 1)
        return 2;
    reached = 0;
    if (clean_up(ST_FAIL, &reached) != ST_FAIL || reached != 1)
        return 3;
    if (clean_up(ST_OK, &reached) != ST_OK || reached != 12)
        return 4;
    return 0;
}

static void test_fail_and_try(void **state)
{
    (void)state;
    struct captured c = capture(pass_on);
    assert_int_equal(c.code, 0);
    assert_string_equal(c.err, "lockstep: refused '2'\nlockstep: refused '1'\n");
}

static int quiet(void)
{
    char text[STATUS_TEXT];
    int reached = 0;
    status_capture(text);
    if (hand_on(ST_FAIL, &reached) != ST_FAIL || hand_on(ST_USAGE, &reached) != ST_USAGE)
        return 1;
    status_capture(NULL);
    if (strcmp(text, "refused '1'") != 0) /* the first is the cause */
        return 2;
    return hand_on(ST_USAGE, &reached) == ST_USAGE ? 0 : 3;
}

static void test_capture(void **state)
{
    (void)state;
    struct captured c = capture(quiet);
    assert_int_equal(c.code, 0);
    assert_string_equal(c.err, "lockstep: refused '2'\n");
}

/* Scripts rely on the values. */
static void test_exit_codes(void **state)
{
    (void)state;
    assert_int_equal(ST_OK, 0);
    assert_int_equal(ST_FAIL, 1);
    assert_int_equal(ST_USAGE, 2);
    assert_int_equal(ST_BUG, 3);
    assert_int_equal(ST_AGAIN, 75);
}

static int broken(void)
{
    printf("before\n");
    ASSERT(1 + 1 == 2);
    ASSERT(1 + 1 == 3);
    return 0;
}

static void hook(int code)
{
    _exit(40 + code);
}

static int broken_with_hook(void)
{
    status_set_abort_hook(hook);
    return broken();
}

static int no_memory_with_hook(void)
{
    status_set_abort_hook(hook);
    status_out_of_memory(12345);
}

static void test_assert(void **state)
{
    (void)state;
    struct captured c = capture(broken);
    assert_int_equal(c.code, ST_BUG);
    assert_string_equal(c.out, "before\n");
    assert_non_null(strstr(c.err, "test_status.c:"));
    assert_non_null(strstr(c.err, "expected 1 + 1 == 3"));
    c = capture(broken_with_hook);
    assert_int_equal(c.code, 40 + ST_BUG);
    c = capture(no_memory_with_hook);
    assert_int_equal(c.code, 40 + ST_FAIL);
    assert_non_null(strstr(c.err, "cannot allocate 12345 bytes"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fail_and_try),
        cmocka_unit_test(test_capture),
        cmocka_unit_test(test_exit_codes),
        cmocka_unit_test(test_assert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
