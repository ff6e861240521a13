#include "lab/range_test.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/portable_math.h"
#include "train/trainer.h"

#define RANGE_TEST_PARTS 20 /* reaches in all steps */

/* A straight line over the number of the step. */
struct range_test_line {
    double value, slope; /* at the middle */
};

void range_test_init(struct range_test *test, double from, double to, int steps)
{
    double all = portable_log(to / from);
    *test = (struct range_test){.from = from,
                                .to = to,
                                .steps = steps,
                                .reach = steps / RANGE_TEST_PARTS,
                                .steepest = -1};
    test->rate = mem_zeroed((size_t)steps, sizeof *test->rate);
    test->loss = mem_zeroed((size_t)steps, sizeof *test->loss);
    test->smooth = mem_zeroed((size_t)steps, sizeof *test->smooth);
    for (int i = 0; i < steps; i++)
        test->rate[i] = from * portable_exp(all * i / (steps - 1));
    test->rate[steps - 1] = to;
}

void range_test_release(struct range_test *test)
{
    free(test->rate);
    free(test->loss);
    free(test->smooth);
    *test = (struct range_test){0};
}

bool range_test_add(struct range_test *test, double loss)
{
    double sum = 0;
    if (!isfinite(loss)) {
        test->end = RANGE_TEST_BAD;
        return false;
    }
    test->loss[test->count++] = loss;
    int latest = test->count < test->reach ? test->count : test->reach;
    for (int i = test->count - latest; i < test->count; i++)
        sum += test->loss[i];
    double mean = sum / latest;
    if (test->count == 1 || mean < test->mean)
        test->mean = mean;
    if (mean > RANGE_TEST_RISE * test->mean)
        test->end = RANGE_TEST_ROSE;
    return test->end == RANGE_TEST_DONE && test->count < test->steps;
}

/* Through the losses within reach of step i. */
static struct range_test_line range_test_fit(const struct range_test *test, int i)
{
    int begin = i - test->reach > 0 ? i - test->reach : 0;
    int end = i + test->reach < test->count ? i + test->reach + 1 : test->count;
    double n = end - begin, middle = 0.5 * (begin + end - 1);
    double sum = 0, square = 0, product = 0;
    for (int k = begin; k < end; k++) {
        sum += test->loss[k];
        square += (k - middle) * (k - middle);
        product += (k - middle) * test->loss[k];
    }
    double slope = square > 0 ? product / square : 0;
    return (struct range_test_line){sum / n + slope * (i - middle), slope};
}

static int range_test_order(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The median distance of the losses from the smooth ones, up to the least. */
static double range_test_noise(const struct range_test *test)
{
    size_t count = (size_t)test->least + 1;
    double *apart = mem_zeroed(count, sizeof *apart);
    for (size_t i = 0; i < count; i++)
        apart[i] = fabs(test->loss[i] - test->smooth[i]);
    qsort(apart, count, sizeof *apart, range_test_order);
    double median = apart[count / 2];
    free(apart);
    return median;
}

static bool range_test_falls(const struct range_test *test)
{
    double fall = test->smooth[0] - test->smooth[test->least];
    return test->count > 0 && fall >= RANGE_TEST_FALL * test->smooth[0] &&
           fall >= RANGE_TEST_CLEAR * range_test_noise(test);
}

void range_test_finish(struct range_test *test)
{
    double steepest = 0;
    test->steepest = -1;
    test->least = 0;
    for (int i = 0; i < test->count; i++) {
        test->smooth[i] = range_test_fit(test, i).value;
        if (test->smooth[i] < test->smooth[test->least])
            test->least = i;
    }
    if (!range_test_falls(test))
        return;
    for (int i = 0; i <= test->least; i++) {
        double slope = range_test_fit(test, i).slope;
        if (slope < steepest) {
            steepest = slope;
            test->steepest = i;
        }
    }
}

enum status range_test_run(struct range_test *test, struct trainer *trainer)
{
    double loss;
    do
        TRY(trainer_try_rate(trainer, test->rate[test->count], &loss));
    while (range_test_add(test, loss));
    range_test_finish(test);
    return ST_OK;
}
