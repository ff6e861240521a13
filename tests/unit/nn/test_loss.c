/* The loss of a sample and its gradient: beside formulas in double, and differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "nn/loss.h"

enum { CLASSES = 5 };

static void fill_logprobs(float logp[CLASSES], uint64_t sample, double spread)
{
    struct rng rng;
    double sum = 0, value[CLASSES];
    rng_init(&rng, 3, RNG_TEST, 0, sample);
    for (int k = 0; k < CLASSES; k++) {
        value[k] = spread * (double)rng_normal(&rng);
        sum += exp(value[k]);
    }
    for (int k = 0; k < CLASSES; k++)
        logp[k] = (float)(value[k] - log(sum));
}

static double expected_of_class(const struct loss *loss, const double *logp, int label)
{
    double s = (double)loss->label_smoothing, sum = 0;
    double weight = loss->class_weight ? (double)loss->class_weight[label] : 1;
    for (int k = 0; k < CLASSES; k++) {
        double target = (k == label ? 1 - s : 0) + s / CLASSES;
        sum -= target * pow(1 - exp(logp[k]), (double)loss->focal) * logp[k];
    }
    return weight * sum;
}

static double expected(const struct loss *loss, const double *logp,
                       const struct target *target)
{
    double share = (double)target->share;
    return (double)target->weight *
           (share * expected_of_class(loss, logp, target->label) +
            (1 - share) * expected_of_class(loss, logp, target->mixed));
}

static const float weights[CLASSES] = {1, 0.25f, 3, 0, 10};
static const struct loss losses[] = {
    {0},
    {.label_smoothing = 0.1f},
    {.class_weight = weights},
    {.label_smoothing = 0.2f, .class_weight = weights},
    {.focal = 2},
    {.focal = 0.5f},
    {.focal = 1.5f, .label_smoothing = 0.1f, .class_weight = weights},
};
enum { LOSSES = sizeof losses / sizeof losses[0] };

/* Elements are varied alone: they need not add up to 1. */
static void check_sample(const struct loss *loss, const float *logp,
                         const struct target *target)
{
    const double step = 1e-5;
    float delta[CLASSES];
    double exact[CLASSES], value = loss_of_sample(loss, logp, CLASSES, target, delta);
    for (int k = 0; k < CLASSES; k++)
        exact[k] = (double)logp[k];
    double wanted = expected(loss, exact, target);
    assert_true(fabs(value - wanted) <= 1e-6 * (1 + fabs(wanted)));
    assert_true(value == loss_of_sample(loss, logp, CLASSES, target, NULL));
    for (int k = 0; k < CLASSES; k++) {
        double up[CLASSES], down[CLASSES];
        memcpy(up, exact, sizeof up);
        memcpy(down, exact, sizeof down);
        up[k] += step;
        down[k] -= step;
        double slope =
            (expected(loss, up, target) - expected(loss, down, target)) / (2 * step);
        assert_true(fabs((double)delta[k] - slope) <= 1e-4 * (1 + fabs(slope)));
    }
}

static void test_formulas(void **state)
{
    (void)state;
    for (int l = 0; l < LOSSES; l++)
        for (uint64_t sample = 0; sample < 50; sample++) {
            float logp[CLASSES];
            fill_logprobs(logp, sample, 2);
            struct target target = target_of_class((int)(sample % CLASSES));
            check_sample(&losses[l], logp, &target);
        }
}

/* Two classes, which may be the same, and a weight. */
static void test_mixed(void **state)
{
    (void)state;
    static const float shares[] = {0, 0.25f, 0.7f, 1}, weight[] = {0, 0.5f, 1, 4};
    for (int l = 0; l < LOSSES; l++)
        for (uint64_t sample = 0; sample < 80; sample++) {
            float logp[CLASSES];
            fill_logprobs(logp, sample, 2);
            struct target target = {.label = (int)(sample % CLASSES),
                                    .mixed = (int)(sample / 7 % CLASSES),
                                    .share = shares[sample % 4],
                                    .weight = weight[sample / 4 % 4]};
            check_sample(&losses[l], logp, &target);
        }
}

/* A share of 1 gives the bits of the class alone. */
static void test_whole(void **state)
{
    (void)state;
    for (int l = 0; l < LOSSES; l++) {
        struct target target = target_of_class(2), whole = target;
        float logp[CLASSES], a[CLASSES], b[CLASSES];
        fill_logprobs(logp, 9, 3);
        whole.mixed = 4;
        assert_true(loss_of_sample(&losses[l], logp, CLASSES, &target, a) ==
                    loss_of_sample(&losses[l], logp, CLASSES, &whole, b));
        assert_memory_equal(a, b, sizeof a);
    }
}

/* Certain answers, right and wrong: everything stays finite. */
static void test_extremes(void **state)
{
    (void)state;
    static const float logp[][CLASSES] = {{0, -120, -120, -120, -120},
                                          {-1e-7f, -17, -90, -90, -90},
                                          {-3e4f, 0, -3e4f, -3e4f, -3e4f}};
    for (int l = 0; l < LOSSES; l++)
        for (size_t i = 0; i < sizeof logp / sizeof logp[0]; i++)
            for (int label = 0; label < CLASSES; label++) {
                float delta[CLASSES];
                struct target target = target_of_class(label);
                assert_true(isfinite(
                    loss_of_sample(&losses[l], logp[i], CLASSES, &target, delta)));
                for (int k = 0; k < CLASSES; k++)
                    assert_true(isfinite(delta[k]));
            }
}

/* Weights of 1 change no bit. */
static void test_ones(void **state)
{
    (void)state;
    static const float ones[CLASSES] = {1, 1, 1, 1, 1};
    for (int l = 0; l < LOSSES; l++) {
        struct loss plain = losses[l], with = losses[l];
        struct target target = target_of_class(2);
        float logp[CLASSES], a[CLASSES], b[CLASSES];
        plain.class_weight = NULL;
        with.class_weight = ones;
        fill_logprobs(logp, 9, 3);
        assert_true(loss_of_sample(&plain, logp, CLASSES, &target, a) ==
                    loss_of_sample(&with, logp, CLASSES, &target, b));
        assert_memory_equal(a, b, sizeof a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formulas), cmocka_unit_test(test_mixed),
        cmocka_unit_test(test_whole),    cmocka_unit_test(test_extremes),
        cmocka_unit_test(test_ones),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
