#include "../scratch.h"

#include <unistd.h>

#include "base/mem.h"
#include "base/shell.h"

static const char *const words[] = {
    "plain",
    "runs/a_b-c.h5",
    "",
    "two words",
    "it's",
    "\"quoted\"",
    "$HOME `date` $(date) \\ ! # ~ * ? [a] {b,c} <d> | & ; (e)",
    "~/x",
    "#x",
    "a=b",
    "tab\there, newline\nthere, bell \a and it's \\",
    "\xc3\xbc\xe2\x82\xac",
    "'''",
    "-x",
};
enum { WORDS = sizeof words / sizeof words[0] };

static void expect_echo(const char *quoted, const char *expected)
{
    char heard[1024];
    char *line = mem_format("printf %%s %s", quoted);
    assert_int_equal(setenv("LINE", line, 1), 0);
    FILE *shell = popen("bash -c 'eval \"$LINE\"'", "r");
    assert_non_null(shell);
    heard[fread(heard, 1, sizeof heard - 1, shell)] = '\0';
    assert_int_equal(pclose(shell), 0);
    assert_string_equal(heard, expected);
    free(line);
}

/* A shell reads the word that was meant. */
static void test_words(void **state)
{
    (void)state;
    for (int i = 0; i < WORDS; i++) {
        char *word = shell_word(words[i]);
        for (const char *c = word; *c; c++)
            assert_true((unsigned char)*c >= ' ' && *c != '\177');
        if (words[i][0] != '-')
            expect_echo(word, words[i]);
        free(word);
    }
    char *word = shell_word("runs/a_b-c.h5");
    assert_string_equal(word, "runs/a_b-c.h5"); /* no quotes where none are needed */
    free(word);
    word = shell_word("it's");
    assert_string_equal(word, "'it'\\''s'");
    free(word);
}

static void test_paths(void **state)
{
    (void)state;
    static const char *const cases[][2] = {{"x.h5", "x.h5"},
                                           {"-x.h5", "./-x.h5"},
                                           {"-x y", "'./-x y'"},
                                           {"a b/-x", "'a b/-x'"}};
    for (int i = 0; i < 4; i++) {
        char *path = shell_path(cases[i][0]);
        assert_string_equal(path, cases[i][1]);
        free(path);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_paths),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
