/* How threads that stand for several ranks cut the ranks' samples. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/grain.h"
#include "lab/workload.h"

/* Grains of several ranks' samples, cut together. */
static int grains_together(int samples, int grain, int ranks)
{
    return grain_count((uint64_t)samples * (uint64_t)ranks,
                       workload_stand_in_grain(samples, grain));
}

static void test_same_grains(void **state)
{
    (void)state;
    static const struct {
        int samples, grain, ranks, grains;
    } cases[] = {
        {25, 16, 4, 8}, /* 13 + 12 each */
        {32, 16, 4, 8}, {49, 16, 4, 16}, {33, 16, 7, 21}, {5, 16, 3, 3}, {17, 1, 8, 136},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(
            grains_together(cases[i].samples, cases[i].grain, cases[i].ranks),
            cases[i].grains);
}

/* No grain is larger than that of a rank, and never more than the ranks have. */
static void test_bounds(void **state)
{
    (void)state;
    for (int grain = 1; grain <= 33; grain += 4)
        for (int samples = 1; samples < 200; samples += 3) {
            uint64_t all = (uint64_t)samples;
            int grains = grain_count(all, grain);
            int largest = grain_samples(all, grains, 0);
            assert_int_equal(grains_together(samples, grain, 1), grains);
            for (int ranks = 2; ranks <= 16; ranks *= 2) {
                int together = grains_together(samples, grain, ranks);
                assert_true(together <= ranks * grains);
                assert_true(grain_samples(all * (uint64_t)ranks, together, 0) <= largest);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_grains),
        cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
