/* The temperature of answers whose right one is known. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/calibration.h"

#define ROWS 20

/* Ten images of p = (0.8, 0.2), of which 8 are of class 0, and ten of p = (0.3, 0.7), of
   which 3 are: calibrated. The network that is fitted says them with logits `factor`
   times as large. */
static void make_rows(float rows[2 * ROWS], uint16_t label[ROWS], double factor)
{
    for (int i = 0; i < ROWS; i++) {
        double p = i < 10 ? 0.8 : 0.3, first = factor * log(p);
        double second = factor * log(1 - p), norm = log(exp(first) + exp(second));
        rows[2 * i] = (float)(first - norm);
        rows[2 * i + 1] = (float)(second - norm);
        label[i] = (uint16_t)(i < 10 ? i >= 8 : i >= 13);
    }
}

static void test_fit(void **state)
{
    const double factors[] = {0.25, 1, 3, 10};
    (void)state;
    for (int f = 0; f < 4; f++) {
        float rows[2 * ROWS];
        uint16_t label[ROWS];
        make_rows(rows, label, factors[f]);
        struct calibration found = calibration_fit(rows, label, ROWS, 2);
        assert_true(fabs(found.temperature / factors[f] - 1) < 1e-3);
        double entropy = -(0.8 * log(0.8) + 0.2 * log(0.2)) / 2 -
                         (0.3 * log(0.3) + 0.7 * log(0.7)) / 2;
        assert_true(fabs(found.loss - entropy) < 1e-6);
        assert_true(found.before > found.loss - 1e-9);
        calibration_apply(rows, ROWS, 2, found.temperature);
        for (int i = 0; i < ROWS; i++)
            assert_true(fabs(exp((double)rows[2 * i]) - (i < 10 ? 0.8 : 0.3)) < 1e-3);
    }
}

/* All right, all wrong: the ends of the range. */
static void test_ends(void **state)
{
    (void)state;
    float rows[] = {-0.1f, -2.4f, -0.2f, -1.7f};
    const uint16_t right[] = {0, 0}, wrong[] = {1, 1};
    assert_true(calibration_fit(rows, right, 2, 2).temperature <
                1.01 * CALIBRATION_LEAST);
    assert_true(calibration_fit(rows, wrong, 2, 2).temperature > 0.99 * CALIBRATION_MOST);
}

static void test_apply(void **state)
{
    (void)state;
    float rows[] = {-1, -INFINITY, -2, logf(0.25f), logf(0.25f), logf(0.5f)}, same[6];
    memcpy(same, rows, sizeof rows);
    calibration_apply(rows, 2, 3, 2);
    for (int r = 0; r < 2; r++) {
        double sum = 0;
        for (int c = 0; c < 3; c++)
            sum += exp((double)rows[3 * r + c]);
        assert_true(fabs(sum - 1) < 1e-6);
    }
    assert_true(isinf(rows[1]));
    assert_true(rows[3] == rows[4] && rows[5] > rows[4]);
    assert_true(fabs(exp((double)(rows[5] - rows[4])) - sqrt(2)) < 1e-6);
    calibration_apply(same + 3, 1, 3, 1);
    for (int c = 3; c < 6; c++)
        assert_true(fabs((double)same[c] - log(c < 5 ? 0.25 : 0.5)) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_apply),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
