#include "train/answers.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/portable_math.h"
#include "kernels/vector.h"

#define ANSWERS_NORMAL_95 1.959963984540054 /* 97.5 % of a normal distribution */

struct answer answer_of(const float *logprobs, int classes, int label)
{
    struct answer answer = {.margin = logprobs[1] - logprobs[0]};
    answer.predicted = (uint16_t)vector_argmax(logprobs, (size_t)classes);
    answer.logprob = logprobs[answer.predicted];
    for (int c = 0; c < classes && label != answer.predicted; c++) {
        bool before = logprobs[c] > logprobs[label] ||
                      (c < label && logprobs[c] == logprobs[label]);
        answer.rank = (uint16_t)(answer.rank + before);
    }
    if (label != answer.predicted && answer.rank == 0)
        answer.rank = (uint16_t)(classes - 1); /* the label's is not a number */
    return answer;
}

size_t answers_bytes(uint64_t count)
{
    return (count * sizeof(struct answer) + 7) / 8 * 8;
}

double answers_top(const struct answer *answer, uint64_t count, int k)
{
    uint64_t right = 0;
    for (uint64_t i = 0; i < count; i++)
        right += answer[i].rank < k;
    return (double)right / (double)count;
}

/* --- the area under the ROC curve --- */

struct auc_margin {
    float value;
    bool positive; /* the label is class 1 */
};

static int margin_ascends(const void *a, const void *b)
{
    const struct auc_margin *x = a, *y = b;
    return (x->value > y->value) - (x->value < y->value);
}

/* Twice the pairs of a positive and a negative in the right order, ties counting 1. */
static uint64_t auc_pairs(const struct auc_margin *sorted, uint64_t count)
{
    uint64_t pairs = 0, negatives = 0;
    for (uint64_t i = 0, end; i < count; i = end) {
        uint64_t with = 0, without = 0;
        for (end = i; end < count && sorted[end].value == sorted[i].value; end++)
            sorted[end].positive ? with++ : without++;
        pairs += with * (2 * negatives + without);
        negatives += without;
    }
    return pairs;
}

double answers_auc(const struct answer *answer, uint64_t count)
{
    struct auc_margin *sorted = mem_zeroed(count + 1, sizeof *sorted);
    uint64_t positives = 0;
    for (uint64_t i = 0; i < count; i++) {
        bool right = answer[i].rank == 0, one = answer[i].predicted == 1;
        float margin = answer[i].margin;
        sorted[i].value = isnan(margin) ? -INFINITY : margin;
        sorted[i].positive = right == one;
        positives += sorted[i].positive;
    }
    qsort(sorted, count, sizeof *sorted, margin_ascends);
    double all = 2 * (double)positives * (double)(count - positives);
    double area = all > 0 ? (double)auc_pairs(sorted, count) / all : NAN;
    free(sorted);
    return area;
}

/* --- calibration --- */

/* Bin m holds probabilities in (m / ANSWERS_BINS, (m + 1) / ANSWERS_BINS]. */
static int calibration_bin(double p)
{
    if (!(p > 0))
        return 0;
    return p < 1 ? (int)ceil(p * ANSWERS_BINS) - 1 : ANSWERS_BINS - 1;
}

double answers_calibration_error(const struct answer *answer, uint64_t count)
{
    double probability[ANSWERS_BINS] = {0}, error = 0;
    uint64_t right[ANSWERS_BINS] = {0};
    for (uint64_t i = 0; i < count; i++) {
        double p = portable_exp((double)answer[i].logprob);
        int bin = calibration_bin(p);
        probability[bin] += p;
        right[bin] += answer[i].rank == 0;
    }
    for (int bin = 0; bin < ANSWERS_BINS; bin++)
        error += fabs((double)right[bin] - probability[bin]);
    return error / (double)count;
}

struct answers_interval answers_interval(uint64_t right, uint64_t count)
{
    double n = (double)count, p = (double)right / n;
    double z2 = ANSWERS_NORMAL_95 * ANSWERS_NORMAL_95;
    double middle = (p + z2 / (2 * n)) / (1 + z2 / n);
    double half =
        ANSWERS_NORMAL_95 / (1 + z2 / n) * sqrt(p * (1 - p) / n + z2 / (4 * n * n));
    return (struct answers_interval){fmax(middle - half, 0), fmin(middle + half, 1)};
}
