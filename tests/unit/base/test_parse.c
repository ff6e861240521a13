#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/parse.h"

static void test_int(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",   " 5",  "5 ",    "5x",  "x",  "1e3",
        "--", "0x5", "5.0",   "-11", "11", "99999999999999999999",
        "-",  "+",   "\t5\n", "5 6",
    };
    long long value = 42;
    assert_true(parse_int("10", -10, 10, &value) && value == 10);
    assert_true(parse_int("-10", -10, 10, &value) && value == -10);
    assert_true(parse_int("007", -10, 10, &value) && value == 7);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parse_int(bad[i], -10, 10, &value));
        assert_true(value == 7);
    }
    assert_true(parse_int("9223372036854775807", 0, INT64_MAX, &value));
    assert_true(value == INT64_MAX);
    assert_false(parse_int("9223372036854775808", 0, INT64_MAX, &value));
}

static void test_u64(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "-1", "+1", " 1", "1 ", "0x1", "1.5", "abc"};
    uint64_t value = 42;
    assert_true(parse_u64("18446744073709551615", &value) && value == UINT64_MAX);
    assert_true(parse_u64("0", &value) && value == 0);
    assert_false(parse_u64("18446744073709551616", &value));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(parse_u64(bad[i], &value));
    assert_true(value == 0);
}

static void test_real(void **state)
{
    (void)state;
    static const char *const bad[] = {"",     " 1", "1 ",    "1,5", "nan", "inf",
                                      "-inf", "x",  "1e999", "2.5", "-2.5"};
    double value = 42;
    assert_true(parse_real("0.25", -2, 2, &value) && value == 0.25);
    assert_true(parse_real("-2", -2, 2, &value) && value == -2);
    assert_true(parse_real("1e-3", -2, 2, &value) && value == 1e-3);
    assert_true(parse_real(".5", -2, 2, &value) && value == 0.5);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parse_real(bad[i], -2, 2, &value));
        assert_true(value == 0.5);
    }
}

static void test_bool(void **state)
{
    (void)state;
    static const char *const yes[] = {"on", "true", "yes", "1"};
    static const char *const no[] = {"off", "false", "no", "0"};
    static const char *const bad[] = {"", "On", "2", "of", "truee", " on"};
    bool value;
    for (int i = 0; i < 4; i++) {
        value = false;
        assert_true(parse_bool(yes[i], &value) && value);
        assert_true(parse_bool(no[i], &value) && !value);
    }
    value = true;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(parse_bool(bad[i], &value));
    assert_true(value);
}

static void test_trim(void **state)
{
    (void)state;
    static const char *const pairs[][2] = {
        {"a", "a"}, {"  a b\t", "a b"}, {"\r\n x \n", "x"}, {"   ", ""}, {"", ""},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        char text[32];
        strcpy(text, pairs[i][0]);
        assert_string_equal(parse_trim(text), pairs[i][1]);
    }
}

static const char *nearest(const char *text)
{
    static const char *const names[] = {"epochs",   "batch", "label_smoothing",
                                        "momentum", "lr",    "kind"};
    return parse_nearest(text, names, 6);
}

static void test_nearest(void **state)
{
    (void)state;
    assert_string_equal(nearest("epohcs"),
                        "epochs"); /* two letters swapped: distance 1 */
    assert_string_equal(nearest("epoch"), "epochs");
    assert_string_equal(nearest("bacth"), "batch");
    assert_string_equal(nearest("batchh"), "batch");
    assert_string_equal(nearest("labelsmoothing"), "label_smoothing");
    assert_string_equal(nearest("mommentun"), "momentum");
    assert_string_equal(nearest("kind"), "kind");
    assert_string_equal(nearest("EPOCHS"), "epochs");
    assert_string_equal(nearest("Label-Smoothing"), "label_smoothing");
    assert_string_equal(nearest("rl"), "lr");
    assert_null(nearest("weight_decay"));
    assert_null(nearest("xyz"));
    assert_null(parse_nearest("lr", NULL, 0));
}

/* Only the beginning of very long words is compared, without overrun. */
static void test_nearest_long(void **state)
{
    (void)state;
    char word[1000];
    memset(word, 'a', sizeof word - 1);
    word[sizeof word - 1] = '\0';
    const char *const names[] = {"short", word};
    assert_ptr_equal(parse_nearest(word, names, 2), word);
    assert_null(parse_nearest(word, names, 1));
    assert_null(nearest(""));
}

static void test_begins(void **state)
{
    (void)state;
    assert_true(parse_begins("resnet18_cifar", "ResNet-18"));
    assert_true(parse_begins("vgg", "vgg"));
    assert_false(parse_begins("vgg", "vgg1"));
    assert_false(parse_begins("vgg", "_"));
    assert_true(parse_same("max_pool", "MaxPool"));
    assert_false(parse_same("max_pool", "MaxPool2"));
}

static void test_choices(void **state)
{
    (void)state;
    const char *const words[] = {"off", "on", "bias"};
    char text[PARSE_CHOICES], wide[200];
    assert_string_equal(parse_choices(words, 0, text), "");
    assert_string_equal(parse_choices(words, 1, text), "off");
    assert_string_equal(parse_choices(words, 2, text), "off or on");
    assert_string_equal(parse_choices(words, 3, text), "off, on or bias");
    memset(wide, 'a', sizeof wide - 1);
    wide[sizeof wide - 1] = '\0';
    const char *const long_words[] = {wide, wide, wide};
    parse_choices(long_words, 3, text);
    assert_int_equal(strlen(text), PARSE_CHOICES - 1);
}

static void test_duration(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double seconds;
    } good[] = {
        {"0", 0},
        {"90", 5400},
        {"1:30", 90},
        {"2:00:00", 7200},
        {"00:00:05", 5},
        {"1-0", 86400},
        {"1-12", 129600},
        {"1-12:30", 131400},
        {"2-00:00:01", 172801},
        {"100:0:0", 360000},
        {"0:90", 90},
    };
    static const char *const bad[] = {"",      "-",    "1-",         ":",    "1:", "a",
                                      "1.5",   "-1",   "1:2:3:4",    "1--2", " 1", "1 ",
                                      "1-2-3", "1:-2", "9999999999", "+1",   "1h"};
    double seconds = 7;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(parse_duration(good[i].text, &seconds));
        assert_true(seconds == good[i].seconds);
    }
    seconds = 7;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(parse_duration(bad[i], &seconds));
        assert_true(seconds == 7);
    }
}

static void test_size(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "0",
                                      "x",
                                      "28x",
                                      "x28",
                                      "28x0",
                                      "4097",
                                      "8x4097",
                                      "28 ",
                                      "1x2x3",
                                      "-3",
                                      "28X28",
                                      "0000000000000000000000000000000028"};
    int h = 1, w = 2;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(parse_size(bad[i], 1, 4096, &h, &w));
    assert_true(h == 1 && w == 2);
    assert_true(parse_size("4096", 1, 4096, &h, &w) && h == 4096 && w == 4096);
    assert_true(parse_size("32x24", 1, 4096, &h, &w) && h == 32 && w == 24);
    assert_true(parse_size("1x0", 0, 1, &h, &w) && h == 1 && w == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_duration),     cmocka_unit_test(test_int),
        cmocka_unit_test(test_u64),          cmocka_unit_test(test_real),
        cmocka_unit_test(test_size),         cmocka_unit_test(test_bool),
        cmocka_unit_test(test_trim),         cmocka_unit_test(test_nearest),
        cmocka_unit_test(test_nearest_long), cmocka_unit_test(test_begins),
        cmocka_unit_test(test_choices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
