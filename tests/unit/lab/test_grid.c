/* The lines that bench prints for the laboratory, and conclusions from a grid of
   rates. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "lab/claims.h"
#include "lab/grid.h"
#include "lab/trial.h"

#define LINE "ranks=2 threads=3 batch=256 grain=32 train=1234.5 low=1200.0 high=1300.1"

static void test_line(void **state)
{
    (void)state;
    struct grid_point point = {.ranks = 2, .threads = 3};
    assert_true(grid_read_line(LINE, &point));
    assert_true(point.rate == 1234.5 && point.low == 1200.0 && point.high == 1300.1);
    static const char *const other[] = {
        "",
        "note: " LINE,
        LINE " more=1",
        "ranks=2 threads=3 batch=256 grain=32 train=1234.5 low=1200.0",
        "ranks=3 threads=2 batch=256 grain=32 train=1.0 low=1.0 high=1.0",
        "ranks=2 threads=3 batch=256 grain=32 train=0.0 low=0.0 high=0.0",
        "ranks=2 threads=3 batch=256 grain=32 train=nan low=1.0 high=1.0",
    };
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        struct grid_point kept = point;
        if (grid_read_line(other[i], &kept))
            fail_msg("'%s' was read", other[i]);
        assert_memory_equal(&kept, &point, sizeof point);
    }
}

static void test_best(void **state)
{
    (void)state;
    static const struct grid_point points[] = {
        {1, 1, 100, 90, 110},  {1, 2, 180, 170, 190}, {2, 1, 190, 180, 200},
        {1, 4, 200, 190, 210}, {4, 1, 150, 140, 160}, {2, 2, 205, 190, 210},
    };
    assert_ptr_equal(grid_best(points, 6, 2), &points[2]);
    assert_ptr_equal(grid_best(points, 6, 4), &points[5]);
    assert_null(grid_best(points, 6, 3));
    assert_int_equal(grid_end(points, 6), 2); /* 205 < 1.1 * 190 */
    assert_int_equal(grid_end(points, 3), 0);
    struct claim claim;
    claim_workers(points, 6, 2, 4, &claim);
    assert_string_equal(claim.holds, "no: earlier");
    assert_string_equal(claim.here,
                        "4 workers have 51 % efficiency; this machine has 4 CPUs");
    claim_workers(points, 6, 4, 2, &claim);
    assert_string_equal(claim.holds, "yes");
}

static void test_knee(void **state)
{
    (void)state;
    struct claim claim;
    const struct trial_row rows[] = {
        {.batch = 256, .train.median = 1000},
        {.batch = 64, .train.median = 960},
        {.batch = 16, .train.median = 940},
    };
    assert_int_equal(trial_knee(rows, 3), 1);
    claim_batch(rows, 3, 1, &claim);
    assert_true(strncmp(claim.holds, "yes", 3) == 0);
    assert_string_equal(
        claim.here, "the knee is at 64; 16 to 64 reach at least 94 % of the best rate");
    claim_batch(rows, 1, 0, &claim);
    assert_string_equal(claim.here, "the knee is at 256; 16 to 64 were not measured");
    assert_string_equal(claim.holds, "no: larger ones are faster");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),
        cmocka_unit_test(test_best),
        cmocka_unit_test(test_knee),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
