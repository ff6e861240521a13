/* The loss of a sample with several classes, or none: beside formulas of the logits in
   double, as PyTorch's BCEWithLogitsLoss adds them up, and differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/label_set.h"
#include "base/rng.h"
#include "nn/loss_set.h"

enum { CLASSES = 11, BYTES = 2, SAMPLES = 40 };

static void to_logprobs(const double *x, float *logp)
{
    for (int k = 0; k < CLASSES; k++)
        logp[k] = (float)(fmin(x[k], 0) - log1p(exp(-fabs(x[k]))));
}

static void fill(double x[CLASSES], uint8_t set[BYTES], uint64_t sample, double spread)
{
    struct rng rng;
    rng_init(&rng, 3, RNG_TEST, 1, sample);
    memset(set, 0, BYTES);
    for (int k = 0; k < CLASSES; k++) {
        x[k] = spread * (double)rng_normal(&rng);
        if (rng_below(&rng, 3) == 0)
            label_set_add(set, k);
    }
}

static double target_of(const struct loss *loss, const struct target *target, int k)
{
    double s = (double)loss->label_smoothing, share = (double)target->share;
    double t = share * label_set_has(target->set, k);
    if (share < 1)
        t += (1 - share) * label_set_has(target->mixed_set, k);
    return t * (1 - s) + s / 2;
}

/* log p and log(1 - p) of the logit itself. */
static double expected(const struct loss *loss, const double *x,
                       const struct target *target)
{
    double sum = 0, gamma = (double)loss->focal;
    for (int k = 0; k < CLASSES; k++) {
        double t = target_of(loss, target, k), p = 1 / (1 + exp(-x[k]));
        double w = loss->class_weight ? (double)loss->class_weight[k] : 1;
        double yes = fmin(x[k], 0) - log1p(exp(-fabs(x[k])));
        double no = fmin(-x[k], 0) - log1p(exp(-fabs(x[k])));
        sum -= w * t * pow(1 - p, gamma) * yes + (1 - t) * pow(p, gamma) * no;
    }
    return (double)target->weight * sum;
}

static const float weights[CLASSES] = {1, 0.25f, 3, 0, 10, 1, 1, 2, 1, 0.5f, 100};
static const struct loss losses[] = {
    {0},
    {.label_smoothing = 0.1f},
    {.class_weight = weights},
    {.focal = 2},
    {.focal = 0.5f, .label_smoothing = 0.2f},
    {.focal = 1.5f, .class_weight = weights},
};
enum { LOSSES = sizeof losses / sizeof losses[0] };

static struct target target_with(const uint8_t *set, const uint8_t *mixed, float share,
                                 float weight)
{
    return (struct target){
        .set = set, .mixed_set = mixed, .share = share, .weight = weight};
}

static void test_values_and_gradients(void **state)
{
    (void)state;
    for (int l = 0; l < LOSSES; l++)
        for (uint64_t sample = 0; sample < SAMPLES; sample++) {
            double x[CLASSES], other[CLASSES];
            float logp[CLASSES], delta[CLASSES];
            uint8_t set[BYTES], mixed[BYTES];
            fill(other, mixed, sample + 1, 1);
            fill(x, set, sample, 3);
            struct target target =
                target_with(set, mixed, sample % 2 ? 1 : 0.3f, sample % 3 ? 1 : 2.5f);
            to_logprobs(x, logp);
            double loss = loss_of_set(&losses[l], logp, CLASSES, &target, delta);
            double want = expected(&losses[l], x, &target);
            assert_true(fabs(loss - want) < 1e-6 * (1 + want));
            assert_true(loss == loss_of_set(&losses[l], logp, CLASSES, &target, NULL));
            for (int k = 0; k < CLASSES; k++) {
                double keep = x[k], step = 1e-5;
                x[k] = keep + step;
                double after = expected(&losses[l], x, &target);
                x[k] = keep - step;
                double slope = (after - expected(&losses[l], x, &target)) / (2 * step);
                x[k] = keep;
                assert_true(fabs(slope - (double)delta[k]) <
                            2e-7 * (1 + fabs(slope)) + 3e-6 * fabs(slope));
            }
        }
}

/* torch.nn.BCEWithLogitsLoss(reduction="sum")(x, t), and with pos_weight 2, 3, 4. */
static void test_torch(void **state)
{
    (void)state;
    const float logp[] = {-0.474076984f, -1.46328246f, -0.0485873516f};
    const float positive[] = {2, 3, 4};
    const uint8_t set[1] = {5};
    const struct loss plain = {0}, weighted = {.class_weight = positive};
    struct target target = target_with(set, NULL, 1, 1);
    assert_true(fabs(loss_of_set(&plain, logp, 3, &target, NULL) - 3 * 0.2619822677) <
                1e-7);
    assert_true(fabs(loss_of_set(&weighted, logp, 3, &target, NULL) - 3 * 0.4685952807) <
                1e-7);
}

/* A class alone stands for the set of it: networks are measured without sets. */
static void test_one_class(void **state)
{
    (void)state;
    double x[CLASSES];
    float logp[CLASSES];
    uint8_t set[BYTES] = {0, 2};
    fill(x, (uint8_t[BYTES]){0}, 5, 2);
    to_logprobs(x, logp);
    struct target one = target_of_class(9), sets = target_with(set, NULL, 1, 1);
    assert_true(loss_of_set(&losses[0], logp, CLASSES, &one, NULL) ==
                loss_of_set(&losses[0], logp, CLASSES, &sets, NULL));
}

/* Logits far from 0: the loss is finite, and the gradient p - t. */
static void test_extremes(void **state)
{
    (void)state;
    const double far[] = {-1e4, -100, -50, 50, 80, 87, 100, 1e4};
    for (size_t i = 0; i < sizeof far / sizeof *far; i++)
        for (int l = 0; l < LOSSES; l++) {
            double x[CLASSES];
            float logp[CLASSES], delta[CLASSES];
            uint8_t set[BYTES] = {0x55, 5};
            for (int k = 0; k < CLASSES; k++)
                x[k] = far[i];
            to_logprobs(x, logp);
            struct target target = target_with(set, NULL, 1, 1);
            double loss = loss_of_set(&losses[l], logp, CLASSES, &target, delta);
            assert_true(isfinite(loss) && loss >= 0);
            for (int k = 0; k < CLASSES; k++)
                assert_true(isfinite(delta[k]));
            if (l > 0)
                continue;
            double want = expected(&losses[l], x, &target);
            assert_true(fabs(loss - (far[i] > 87 ? 5 * 87.5 : want)) < 1e-3 * want);
            for (int k = 0; k < CLASSES; k++) {
                double p = far[i] > 0, t = label_set_has(set, k);
                assert_true(fabs((double)delta[k] - (p - t)) < 1e-6);
            }
        }
}

static void test_bad_numbers_stay(void **state)
{
    (void)state;
    float logp[3] = {-1, NAN, -2}, delta[3];
    const uint8_t set[1] = {1};
    struct target target = target_with(set, NULL, 1, 1);
    assert_true(isnan(loss_of_set(&losses[0], logp, 3, &target, delta)));
    assert_true(isnan(delta[1]) && !isnan(delta[0]));
}

static void test_right(void **state)
{
    (void)state;
    const float logp[] = {-0.1f, -0.7f, -0.69314718f, -5};
    const uint8_t right[1] = {5}, more[1] = {13}, less[1] = {1};
    struct target target = target_with(right, NULL, 1, 1);
    assert_true(loss_set_is_right(logp, 4, &target));
    target.set = more;
    assert_false(loss_set_is_right(logp, 4, &target));
    target.set = less;
    assert_false(loss_set_is_right(logp, 4, &target));
}

static void test_logits(void **state)
{
    (void)state;
    for (double x = -80; x <= 80; x += 0.37) {
        float logp = (float)(fmin(x, 0) - log1p(exp(-fabs(x))));
        assert_true(fabs((double)loss_set_logit(logp) - x) < 1e-5 * (1 + fabs(x)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values_and_gradients),
                                       cmocka_unit_test(test_torch),
                                       cmocka_unit_test(test_one_class),
                                       cmocka_unit_test(test_extremes),
                                       cmocka_unit_test(test_bad_numbers_stay),
                                       cmocka_unit_test(test_right),
                                       cmocka_unit_test(test_logits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
