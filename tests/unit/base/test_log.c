#include "../scratch.h"
#include "capture.h"

static int say_all(void)
{
    log_out("result %d\n", 1);
    log_note("a note, %s", "two");
    log_error("trouble with '%s'", "three");
    log_progress("half way");
    log_close_file();
    return 0;
}

static void test_before_init(void **state)
{
    (void)state;
    struct captured c = capture(say_all);
    assert_string_equal(c.out, "result 1\n");
    assert_string_equal(c.err, "note: a note, two\nlockstep: trouble with 'three'\n");
}

static int say_hostile(void)
{
    log_out("a\033[31mb\tc\177 \xc3\xbc\n");
    log_note("line\rlink %s", "\a");
    return 0;
}

/* A terminal must not obey what is printed. */
static void test_control_characters(void **state)
{
    (void)state;
    struct captured c = capture(say_hostile);
    assert_string_equal(c.out, "a?[31mb\tc? \xc3\xbc\n");
    assert_string_equal(c.err, "note: line?link ?\n");
}

static int say_as_rank_3(void)
{
    log_init(3, "node7");
    return say_all();
}

static void test_other_rank(void **state)
{
    (void)state;
    struct captured c = capture(say_as_rank_3);
    assert_string_equal(c.out, "");
    assert_string_equal(c.err, "[rank 3 node7] trouble with 'three'\n");
}

static int say_replicated_as_rank_3(void)
{
    log_set_replicated(true);
    say_as_rank_3();
    log_set_replicated(false);
    log_error("alone");
    return 0;
}

static void test_replicated(void **state)
{
    (void)state;
    struct captured c = capture(say_replicated_as_rank_3);
    assert_string_equal(c.out, "");
    assert_string_equal(c.err, "[rank 3 node7] alone\n");
}

static int say_replicated_as_rank_0(void)
{
    log_init(0, "node7");
    log_set_replicated(true);
    return say_all();
}

static void test_replicated_rank_0(void **state)
{
    (void)state;
    struct captured c = capture(say_replicated_as_rank_0);
    assert_string_equal(c.out, "result 1\n");
    assert_non_null(strstr(c.err, "lockstep: trouble with 'three'\n"));
}

static int say_to_file(void)
{
    if (log_open_file(scratch_path("log.txt")) != ST_OK)
        return 1;
    say_all();
    log_error("after closing");
    log_close_file();
    return 0;
}

/* The file contains both streams but no progress, and is appended to. */
static void test_file(void **state)
{
    (void)state;
    static const char once[] =
        "result 1\nnote: a note, two\nlockstep: trouble with 'three'\n";
    for (int times = 1; times <= 2; times++) {
        struct captured c = capture(say_to_file);
        assert_int_equal(c.code, 0);
        assert_string_equal(c.out, "result 1\n");
        assert_non_null(strstr(c.err, "after closing"));
        size_t bytes;
        char *text = scratch_read(scratch_path("log.txt"), &bytes);
        assert_int_equal(bytes, strlen(once) * (size_t)times);
        assert_string_equal(text + strlen(once) * (size_t)(times - 1), once);
        free(text);
    }
}

static int open_nowhere(void)
{
    return log_open_file(scratch_path("no/such/log.txt"));
}

static int open_as_rank_1(void)
{
    log_init(1, "node");
    return log_open_file(scratch_path("rank1.txt"));
}

static void test_file_fails(void **state)
{
    (void)state;
    struct captured c = capture(open_nowhere);
    assert_int_equal(c.code, ST_FAIL);
    assert_non_null(strstr(c.err, "cannot write '"));
    c = capture(open_as_rank_1);
    assert_int_equal(c.code, ST_OK);
    assert_int_equal(scratch_count("rank1"), 0); /* only rank 0 writes it */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_characters), cmocka_unit_test(test_before_init),
        cmocka_unit_test(test_other_rank),         cmocka_unit_test(test_replicated),
        cmocka_unit_test(test_replicated_rank_0),  cmocka_unit_test(test_file),
        cmocka_unit_test(test_file_fails),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
