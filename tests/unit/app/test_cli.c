#include "../scratch.h"

#include "app/cli/cli.h"

/* The values that the options set. */
static struct {
    bool flag;
    long long whole;
    uint64_t wide;
    double real;
    const char *text;
    struct cli_texts texts;
} got;

static const struct cli_option options[] = {
    {"flag", CLI_FLAG, &got.flag, NULL, "a switch"},
    {"whole", CLI_INT, &got.whole, "N", "a whole number"},
    {"wide", CLI_U64, &got.wide, "N", "a wide one"},
    {"real", CLI_REAL, &got.real, "X", "a real one"},
    {"text", CLI_TEXT, &got.text, "FILE", "a text"},
    {"set", CLI_TEXTS, &got.texts, "KEY=VALUE", "again and again"},
    {0},
};

enum { WORDS = 80, MOST = 3 };
static const char *operand[MOST];
static int operands;

/* The words of a line, split at blanks. */
static enum status parse(const char *line, int least)
{
    static char copy[4000];
    char *argv[WORDS], *rest;
    int argc = 0;
    memset(&got, 0, sizeof got);
    snprintf(copy, sizeof copy, "%s", line);
    for (char *word = strtok_r(copy, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
        argv[argc++] = word;
    const struct cli_command command = {"try", "FILE...", least, MOST, "Tries."};
    return cli_parse(&command, options, argc, argv, operand, &operands);
}

static void test_kinds(void **state)
{
    (void)state;
    assert_int_equal(parse("--flag --whole 5 --wide 18446744073709551615 --real 0.5 "
                           "--text a.h5 --set x=1 --set y=2",
                           0),
                     ST_OK);
    assert_true(got.flag);
    assert_int_equal(got.whole, 5);
    assert_true(got.wide == UINT64_MAX && got.real == 0.5);
    assert_string_equal(got.text, "a.h5");
    assert_int_equal(got.texts.count, 2);
    assert_string_equal(got.texts.text[0], "x=1");
    assert_string_equal(got.texts.text[1], "y=2");
    assert_int_equal(operands, 0);
    assert_int_equal(parse("--whole=7 --text= --set=x=1", 0), ST_OK);
    assert_int_equal(got.whole, 7);
    assert_string_equal(got.text, "");
    assert_string_equal(got.texts.text[0], "x=1");
    assert_false(got.flag);
    assert_int_equal(parse("--text --other", 0),
                     ST_OK); /* a value may look like an option */
    assert_string_equal(got.text, "--other");
    assert_int_equal(parse("--text=--flag", 0), ST_OK);
    assert_string_equal(got.text, "--flag");
}

static void test_operands(void **state)
{
    (void)state;
    assert_int_equal(parse("a --whole 1 b --flag - ", 1), ST_OK);
    assert_int_equal(operands, 3);
    assert_string_equal(operand[0], "a");
    assert_string_equal(operand[1], "b");
    assert_string_equal(operand[2], "-");
    assert_int_equal(parse("-- --flag -x", 1), ST_OK);
    assert_int_equal(operands, 2);
    assert_string_equal(operand[0], "--flag");
    assert_string_equal(operand[1], "-x");
    assert_false(got.flag);
}

static void refuse(const char *line, int least, const char *message)
{
    assert_int_equal(parse(line, least), ST_USAGE);
    expect_said(message);
}

static void test_refused(void **state)
{
    (void)state;
    refuse("--txet a", 0, "unknown option '--txet'; did you mean '--text'?");
    refuse("--xyzzy", 0, "unknown option '--xyzzy'; see 'lockstep try --help'");
    refuse("-x", 0, "unknown option '-x'; see 'lockstep try --help'");
    refuse("--flag=1", 0, "'--flag' takes no value");
    refuse("--text", 0, "'--text' needs a value: --text FILE");
    refuse("--text --flag", 0, "'--text' needs a value: --text FILE");
    refuse("--text --whole=1", 0, "'--text' needs a value: --text FILE");
    refuse("--whole x", 0, "'--whole x': expected a whole number from 0");
    refuse("--whole -1", 0, "'--whole -1'");
    refuse("--whole 99999999999", 0, "'--whole 99999999999'");
    refuse("--wide 1.5", 0, "'--wide 1.5': expected a whole number from 0");
    refuse("--real nan", 0, "'--real nan': expected a number from 0");
    refuse("a b c d", 0, "'d' is one operand too many; see 'lockstep try --help'");
    refuse("a", 2, "usage: lockstep try FILE...; see 'lockstep try --help'");
    refuse("--tex a", 0, "did you mean '--text'?"); /* no abbreviations */
    char line[1000] = "";
    for (int i = 0; i <= CLI_TEXTS_MAX; i++)
        strcat(line, "--set=x ");
    refuse(line, 0, "'--set' may be given at most 64 times");
}

static void expect_help(const char *line)
{
    size_t bytes;
    assert_int_equal(parse(line, 1), ST_OK);
    assert_int_equal(operands, -1);
    char *said = scratch_read(scratch_path("said"), &bytes);
    char *help = said + scratch_heard;
    scratch_heard = (long)bytes;
    assert_int_equal(
        strncmp(help, "Usage: lockstep try [OPTION]... FILE...\n\nTries.\n", 48), 0);
    for (int i = 0; options[i].name; i++) {
        assert_non_null(strstr(help, options[i].name));
        assert_non_null(strstr(help, options[i].help));
    }
    assert_non_null(strstr(help, "--text FILE"));
    free(said);
}

/* --help is obeyed even if operands are missing or what follows it is wrong. */
static void test_help(void **state)
{
    (void)state;
    expect_help("--help");
    expect_help("-h");
    expect_help("a --flag --help --unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_operands),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
