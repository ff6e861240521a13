/* What evaluations are compared by, for counts that can be checked by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "train/metric.h"

/* Three of four classes have samples: 8 of class 0 (6 right, 2 taken for 1), 2 of class 1
   (1 right, 1 taken for 3), 2 of class 2 (none right, taken for 0). */
static void fill(struct evaluation *evaluation)
{
    static const int answers[][3] = {
        {0, 0, 6}, {0, 1, 2}, {1, 1, 1}, {1, 3, 1}, {2, 0, 2}};
    *evaluation = (struct evaluation){.count = 12, .correct = 7, .loss = 0.75};
    confusion_init(&evaluation->confusion, 4, 12);
    for (size_t i = 0; i < sizeof answers / sizeof answers[0]; i++)
        for (int n = 0; n < answers[i][2]; n++)
            confusion_add(&evaluation->confusion, answers[i][0], answers[i][1]);
    confusion_finish(&evaluation->confusion);
}

static void check(enum metric metric, double value, const char *text)
{
    struct evaluation evaluation;
    fill(&evaluation);
    assert_true(fabs(metric_value(metric, &evaluation) - value) < 1e-15);
    double score = metric_score(metric, &evaluation);
    assert_true(score ==
                (metric == METRIC_LOSS ? -1 : 1) * metric_value(metric, &evaluation));
    char *said = metric_text(metric, score);
    assert_string_equal(said, text);
    free(said);
    evaluation_release(&evaluation);
}

static void test_values(void **state)
{
    (void)state;
    check(METRIC_ACCURACY, 7.0 / 12, "accuracy 58.33 %");
    check(METRIC_BALANCED_ACCURACY, (6.0 / 8 + 1.0 / 2 + 0) / 3,
          "balanced accuracy 41.67 %");
    /* F1: 12 / (8 + 8), 2 / (2 + 3), 0 / (2 + 0) */
    check(METRIC_MACRO_F1, (12.0 / 16 + 2.0 / 5 + 0) / 3, "macro F1 38.33 %");
    check(METRIC_LOSS, 0.75, "loss 0.7500");
}

/* Two of three classes have samples: 4 (3 found, 1 answer too many) and 2 (1 found). */
static void test_sets(void **state)
{
    (void)state;
    static const uint64_t counts[] = {4, 0, 2, 4, 1, 1, 3, 0, 1};
    struct evaluation sets = {.count = 10,
                              .correct = 6,
                              .loss = 0.25,
                              .average_precision = calloc(3, sizeof(double)),
                              .mean_average_precision = 0.625};
    confusion_of_counts(&sets.confusion, 3, counts);
    assert_true(metric_value(METRIC_SUBSET_ACCURACY, &sets) == 0.6);
    assert_true(metric_score(METRIC_AVERAGE_PRECISION, &sets) == 0.625);
    double recall = (3.0 / 4 + 1.0 / 2) / 2, f1 = (6.0 / 8 + 2.0 / 3) / 2;
    assert_true(fabs(metric_value(METRIC_BALANCED_ACCURACY, &sets) - recall) < 1e-15);
    assert_true(fabs(metric_value(METRIC_MACRO_F1, &sets) - f1) < 1e-15);
    char *said = metric_text(METRIC_AVERAGE_PRECISION, 0.625);
    assert_string_equal(said, "average precision 62.50 %");
    free(said);
    assert_true(metric_is_of_sets(METRIC_SUBSET_ACCURACY));
    assert_false(metric_is_of_sets(METRIC_ACCURACY) || metric_is_of_sets(METRIC_LOSS));
    evaluation_release(&sets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_sets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
