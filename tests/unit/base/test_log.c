#include "../scratch.h"
#include "capture.h"

#include <errno.h>
#include <fcntl.h>

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

static int say_records(void)
{
    log_init(0, "node0");
    log_reserve_stdout();
    log_out("for people\n");
    log_record("{\"a\":\"\\u001b\"}");
    log_note("a note");
    return 0;
}

/* For a program that reads stdout. */
static void test_records(void **state)
{
    (void)state;
    struct captured c = capture(say_records);
    assert_string_equal(c.out, "{\"a\":\"\\u001b\"}\n");
    assert_string_equal(c.err, "for people\nnote: a note\n");
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

static char loss_file[FS_PATH];

/* Prints to a full stdout, with a file that has everything or without one. */
static int say_to_full(const char *file)
{
    int full = open("/dev/full", O_WRONLY);
    if (full < 0 || dup2(full, STDOUT_FILENO) < 0)
        return 90;
    log_close_file(); /* scratch's */
    if (file && log_open_file(file) != ST_OK)
        return 91;
    log_out("half of ");
    log_out("a line\n");
    errno = ENOENT; /* what another call leaves behind */
    log_out("another line\n");
    return (int)log_finish();
}

static int say_to_full_with_file(void)
{
    return say_to_full(loss_file);
}

static int say_to_full_without_file(void)
{
    return say_to_full(NULL);
}

/* The loss is told once, with its own reason, and not inside a line. */
static void test_lost_stdout(void **state)
{
    (void)state;
    char expected[2 * FS_PATH], *text;
    size_t bytes;
    snprintf(loss_file, sizeof loss_file, "%s", scratch_path("loss.txt"));
    struct captured c = capture(say_to_full_with_file);
    assert_int_equal(c.code, ST_OK);
    snprintf(expected, sizeof expected,
             "note: cannot write to the standard output: No space left on device; the "
             "run goes on, and everything is in '%s'\n",
             loss_file);
    assert_string_equal(c.err, expected);
    assert_int_equal(fs_read_text(loss_file, &text, &bytes), ST_OK);
    assert_ptr_equal(strstr(text, "half of a line\nnote: cannot write"), text);
    assert_non_null(strstr(text, "\nanother line\n"));
    free(text);
    c = capture(say_to_full_without_file);
    assert_int_equal(c.code, ST_FAIL);
    assert_string_equal(
        c.err,
        "lockstep: cannot write to the standard output: No space left on device\n");
}

/* A file of the log and a stderr that are full tell each other. */
static int say_to_full_file(void)
{
    if (log_open_file("/dev/full") != ST_OK)
        return 91;
    log_out("one\n");
    log_out("two\n");
    return (int)log_finish();
}

static int say_to_full_stderr(void)
{
    int full = open("/dev/full", O_WRONLY);
    if (full < 0 || dup2(full, STDERR_FILENO) < 0)
        return 90;
    if (log_open_file(loss_file) != ST_OK)
        return 91;
    log_note("one");
    log_note("two");
    return (int)log_finish();
}

static void test_lost_file_and_stderr(void **state)
{
    (void)state;
    char *text;
    size_t bytes;
    struct captured c = capture(say_to_full_file);
    assert_int_equal(c.code, ST_OK);
    assert_string_equal(c.out, "one\ntwo\n");
    assert_string_equal(c.err, "note: cannot write to '/dev/full': No space left on "
                               "device; the run goes on\n");
    snprintf(loss_file, sizeof loss_file, "%s", scratch_path("stderr.txt"));
    c = capture(say_to_full_stderr);
    assert_int_equal(c.code, ST_OK);
    assert_int_equal(fs_read_text(loss_file, &text, &bytes), ST_OK);
    assert_ptr_equal(strstr(text, "note: one\nnote: cannot write to the standard error: "
                                  "No space left on device; "),
                     text);
    assert_non_null(strstr(text, "\nnote: two\n"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_control_characters),   cmocka_unit_test(test_before_init),
        cmocka_unit_test(test_other_rank),           cmocka_unit_test(test_replicated),
        cmocka_unit_test(test_replicated_rank_0),    cmocka_unit_test(test_file),
        cmocka_unit_test(test_file_fails),           cmocka_unit_test(test_lost_stdout),
        cmocka_unit_test(test_lost_file_and_stderr), cmocka_unit_test(test_records),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
