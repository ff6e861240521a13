/* The answers to several views: the softmax of the mean of outputs. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "train/blend.h"

enum { ROWS = 7, CLASSES = 11, VIEWS = 3, SIZE = ROWS * CLASSES };

static const struct model model = {.classes = CLASSES};

static void to_logprobs(const double *outputs, float *logprobs)
{
    for (int r = 0; r < ROWS; r++) {
        double sum = 0;
        for (int c = 0; c < CLASSES; c++)
            sum += exp(outputs[r * CLASSES + c]);
        for (int c = 0; c < CLASSES; c++)
            logprobs[r * CLASSES + c] = (float)(outputs[r * CLASSES + c] - log(sum));
    }
}

static void test_mean_of_outputs(void **state)
{
    (void)state;
    static const float weight[VIEWS] = {0.5f, 0.25f, 0.25f};
    double outputs[SIZE], mean[SIZE] = {0};
    float logprobs[SIZE], sum[SIZE] = {0}, blend[SIZE], want[SIZE];
    struct rng rng;
    rng_init(&rng, 2, RNG_TEST, 4, 6);
    for (int v = 0; v < VIEWS; v++) {
        for (int i = 0; i < SIZE; i++) {
            outputs[i] = 4 * (double)rng_normal(&rng);
            mean[i] += (double)weight[v] * outputs[i];
        }
        to_logprobs(outputs, logprobs);
        blend_add(&model, sum, logprobs, ROWS, weight[v]);
    }
    blend_finish(&model, blend, sum, ROWS);
    to_logprobs(mean, want);
    for (int i = 0; i < SIZE; i++)
        assert_true(fabsf(blend[i] - want[i]) < 1e-5f);
}

/* Of a network for images with several classes: the log-sigmoid of the mean. */
static void test_mean_of_logits(void **state)
{
    (void)state;
    static const struct model sets = {.classes = CLASSES, .multi_label = true};
    static const float weight[VIEWS] = {0.5f, 0.25f, 0.25f};
    double mean[SIZE] = {0};
    float logprobs[SIZE], sum[SIZE] = {0}, blend[SIZE];
    struct rng rng;
    rng_init(&rng, 2, RNG_TEST, 4, 7);
    for (int v = 0; v < VIEWS; v++) {
        for (int i = 0; i < SIZE; i++) {
            double x = 6 * (double)rng_normal(&rng);
            mean[i] += (double)weight[v] * x;
            logprobs[i] = (float)(fmin(x, 0) - log1p(exp(-fabs(x))));
        }
        blend_add(&sets, sum, logprobs, ROWS, weight[v]);
    }
    blend_finish(&sets, blend, sum, ROWS);
    for (int i = 0; i < SIZE; i++) {
        double want = fmin(mean[i], 0) - log1p(exp(-fabs(mean[i])));
        assert_true(fabs((double)blend[i] - want) < 1e-5 * (1 + fabs(want)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_mean_of_outputs),
                                       cmocka_unit_test(test_mean_of_logits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
