/* Figures of answers, for ones that can be checked by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "train/answers.h"

#define NEAR(a, b)  assert_true(fabs((a) - (b)) < 1e-12)
#define COUNT(list) (sizeof(list) / sizeof *(list))

static void test_answer(void **state)
{
    (void)state;
    const float logprobs[] = {-3, -1, -2, -1, -4};
    struct answer answer = answer_of(logprobs, 5, 1);
    assert_int_equal(answer.predicted, 1); /* the first of equal ones */
    assert_int_equal(answer.rank, 0);
    assert_true(answer.logprob == -1.0f);
    assert_true(answer.margin == 2.0f);
    assert_int_equal(answer_of(logprobs, 5, 3).rank, 1);
    assert_int_equal(answer_of(logprobs, 5, 2).rank, 2);
    assert_int_equal(answer_of(logprobs, 5, 4).rank, 4);
    const float bad[] = {NAN, NAN, NAN};
    assert_true((answer_of(bad, 3, 0).predicted == 0) ==
                (answer_of(bad, 3, 0).rank == 0));
    assert_int_equal(answer_of(bad, 3, 2).rank, 2);
    const struct answer none = answer_of(bad, 3, 1);
    assert_true(isnan(answers_calibration_error(&none, 1)));
}

static void test_top(void **state)
{
    (void)state;
    const struct answer answer[] = {{.rank = 0}, {.rank = 1}, {.rank = 4}, {.rank = 5}};
    NEAR(answers_top(answer, 4, 1), 0.25);
    NEAR(answers_top(answer, 4, 2), 0.5);
    NEAR(answers_top(answer, 4, 5), 0.75);
}

/* An answer of a network with two classes. */
static struct answer of_two(float margin, int label)
{
    int predicted = margin > 0;
    return (struct answer){.margin = margin,
                           .predicted = (uint16_t)predicted,
                           .rank = (uint16_t)(predicted != label)};
}

static void test_auc(void **state)
{
    (void)state;
    /* scikit-learn's example: y 0, 0, 1, 1, scores 0.1, 0.4, 0.35, 0.8: 0.75 */
    const struct answer four[] = {of_two(-0.4f, 0), of_two(-0.1f, 0), of_two(-0.15f, 1),
                                  of_two(0.3f, 1)};
    NEAR(answers_auc(four, 4), 0.75);
    const struct answer ties[] = {of_two(1, 1), of_two(1, 0), of_two(1, 0), of_two(2, 1)};
    NEAR(answers_auc(ties, 4), 0.75); /* 2 pairs right, 2 tied */
    assert_true(isnan(answers_auc(four, 2)));
    assert_true(isnan(answers_auc(four + 2, 2)));
    const struct answer bad[] = {of_two(NAN, 0), of_two(-1, 1)};
    NEAR(answers_auc(bad, 2), 1); /* no number is the least */
}

static void test_calibration(void **state)
{
    (void)state;
    float p = logf(0.9f), sure = 0, half = logf(0.5f);
    double nine = exp((double)p), five = exp((double)half);
    const struct answer over[] = {{.logprob = p}, {.logprob = p, .rank = 1}};
    NEAR(answers_calibration_error(over, 2), nine - 0.5);
    const struct answer right[] = {{.logprob = sure}, {.logprob = sure}};
    NEAR(answers_calibration_error(right, 2), 0);
    const struct answer bins[] = {
        {.logprob = sure}, {.logprob = half}, {.logprob = half, .rank = 3}};
    NEAR(answers_calibration_error(bins, 3), fabs(1 - 2 * five) / 3);
}

/* Of 8 of 10 and 0 of 10, as in R's binom.confint(method = "wilson"). */
static void test_interval(void **state)
{
    (void)state;
    struct answers_interval some = answers_interval(8, 10);
    assert_true(fabs(some.low - 0.4901625) < 1e-6 && fabs(some.high - 0.9433178) < 1e-6);
    struct answers_interval none = answers_interval(0, 10);
    assert_true(none.low < 1e-15 && none.low >= 0 && fabs(none.high - 0.2775328) < 1e-6);
    struct answers_interval all = answers_interval(10, 10);
    NEAR(all.high, 1);
    NEAR(all.low, 1 - none.high);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer),   cmocka_unit_test(test_top),
        cmocka_unit_test(test_auc),      cmocka_unit_test(test_calibration),
        cmocka_unit_test(test_interval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
