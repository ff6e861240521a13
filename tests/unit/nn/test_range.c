#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/range.h"

static void test_append(void **state)
{
    (void)state;
    struct ranges ranges = {0};
    ranges_append(&ranges, 16, RANGE_TRAIN_DECAY);
    ranges_append(&ranges, 16, RANGE_FROZEN); /* empty */
    ranges_append(&ranges, 32, RANGE_TRAIN);
    ranges_append(&ranges, 48, RANGE_TRAIN); /* joins */
    ranges_append(&ranges, 64, RANGE_STATISTIC);
    assert_int_equal(ranges.count, 3);
    assert_int_equal(ranges.range[1].begin, 16);
    assert_int_equal(ranges.range[1].end, 48);
    ranges_release(&ranges);
    assert_int_equal(ranges.count, 0);
}

static struct range some[] = {
    {0, 10, RANGE_TRAIN_DECAY},  {10, 20, RANGE_TRAIN},  {20, 30, RANGE_STATISTIC},
    {30, 40, RANGE_TRAIN_DECAY}, {40, 50, RANGE_FROZEN}, {50, 60, RANGE_TRAIN},
};
static const struct ranges list = {6, some};

/* Every mask of rules over every stretch, against the question for each element. */
static void test_next(void **state)
{
    (void)state;
    for (unsigned rules = 0; rules < 16; rules++)
        for (size_t begin = 0; begin <= 60; begin++)
            for (size_t end = begin; end <= 60; end++) {
                size_t next = begin;
                for (struct range part = {.end = begin};
                     ranges_next(&list, rules, end, &part); next = part.end) {
                    assert_true(part.begin >= next && part.begin < part.end);
                    for (; next < part.begin; next++)
                        assert_false(rules & RANGE_BIT(some[next / 10].rule));
                    for (size_t i = part.begin; i < part.end; i++)
                        assert_true(rules & RANGE_BIT(some[i / 10].rule));
                    assert_int_equal(part.rule, some[part.begin / 10].rule);
                    assert_true(part.end == end ||
                                !(rules & RANGE_BIT(some[part.end / 10].rule)));
                }
                for (; next < end; next++)
                    assert_false(rules & RANGE_BIT(some[next / 10].rule));
            }
}

static void test_copy(void **state)
{
    (void)state;
    struct ranges part;
    ranges_copy(&part, &list, 15, 42);
    const struct range expected[] = {{0, 5, RANGE_TRAIN},
                                     {5, 15, RANGE_STATISTIC},
                                     {15, 25, RANGE_TRAIN_DECAY},
                                     {25, 27, RANGE_FROZEN}};
    assert_int_equal(part.count, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(part.range[i].begin, expected[i].begin);
        assert_int_equal(part.range[i].end, expected[i].end);
        assert_int_equal(part.range[i].rule, expected[i].rule);
    }
    ranges_release(&part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_copy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
