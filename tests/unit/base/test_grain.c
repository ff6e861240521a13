#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/grain.h"

/* As few grains as possible, of nearly equal size, the larger first, every sample
   once. */
static void check_cut(uint64_t samples, int most)
{
    int count = grain_count(samples, most);
    assert_true((uint64_t)count * (uint64_t)most >= samples);
    if (count > 0)
        assert_true((uint64_t)(count - 1) * (uint64_t)most < samples);
    uint64_t at = 0;
    for (int i = 0; i < count; i++) {
        int size = grain_samples(samples, count, i);
        assert_int_equal(grain_begin(samples, count, i), at);
        assert_in_range(size, 1, most);
        assert_true(size <= grain_samples(samples, count, 0));
        assert_true(size + 1 >= grain_samples(samples, count, 0));
        if (i > 0)
            assert_true(size <= grain_samples(samples, count, i - 1));
        at += (uint64_t)size;
    }
    assert_int_equal(at, samples);
    assert_int_equal(grain_begin(samples, count, count), samples);
}

static void test_cut(void **state)
{
    (void)state;
    for (uint64_t samples = 0; samples <= 200; samples++)
        for (int most = 1; most <= 210; most++)
            check_cut(samples, most);
}

static void test_sizes(void **state)
{
    (void)state;
    static const int sizes[] = {13, 13, 12, 12}; /* not 16, 16, 16, 2 */
    assert_int_equal(grain_count(50, 16), 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(grain_samples(50, 4, i), sizes[i]);
    assert_int_equal(grain_count(0, 16), 0);
    assert_int_equal(grain_begin(0, 0, 0), 0);
    assert_int_equal(grain_count(128, 32), 4);
    assert_int_equal(grain_begin(128, 4, 3), 96);
}

/* Any prefix of a batch's grains is cut, as a batch of its own, into the same grains:
   what measures one rank's share alone measures the share. */
static void test_prefix(void **state)
{
    (void)state;
    for (uint64_t samples = 1; samples <= 120; samples++)
        for (int most = 1; most <= 40; most++) {
            int count = grain_count(samples, most);
            for (int n = 1; n <= count; n++) {
                uint64_t share = grain_begin(samples, count, n);
                assert_int_equal(grain_count(share, most), n);
                for (int i = 0; i < n; i++)
                    assert_int_equal(grain_samples(share, n, i),
                                     grain_samples(samples, count, i));
            }
        }
}

static void test_range(void **state)
{
    (void)state;
    uint64_t first;
    struct grain_range range = {.samples = 50, .count = 4, .begin = 1, .end = 3};
    assert_int_equal(grain_range_samples(&range, &first), 25);
    assert_int_equal(first, 13);
    range.begin = range.end = 4;
    assert_int_equal(grain_range_samples(&range, &first), 0);
    assert_int_equal(first, 50);
}

static void test_large(void **state)
{
    (void)state;
    uint64_t samples = (1ull << 40) + 7;
    int count = grain_count(samples, 65536);
    assert_int_equal(count, (1 << 24) + 1);
    assert_int_equal(grain_begin(samples, count, count), samples);
    assert_in_range(grain_samples(samples, count, count - 1), 1, 65536);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut),    cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_prefix), cmocka_unit_test(test_range),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
