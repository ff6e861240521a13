#include "train/calibration.h"

#include <math.h>

#include "base/portable_math.h"

#define FIT_PRECISION 1e-4 /* of 1 / T, relative */

static float row_largest(const float *row, int classes)
{
    float largest = row[0];
    for (int c = 1; c < classes; c++)
        largest = row[c] > largest ? row[c] : largest;
    return largest;
}

/* With d = row - largest and e = exp(inverse * d): returns the sum of e; *moment is the
   sum of e d. A class of probability 0 adds nothing. */
static double row_sum(const float *row, int classes, float largest, double inverse,
                      double *moment)
{
    double sum = 0;
    *moment = 0;
    for (int c = 0; c < classes; c++) {
        double below = (double)row[c] - (double)largest;
        double e = isinf(below) ? 0 : portable_exp(inverse * below);
        sum += e;
        if (e > 0)
            *moment += e * below;
    }
    return sum;
}

void calibration_apply(float *logprobs, size_t rows, int classes, double temperature)
{
    double inverse = 1 / temperature, moment;
    for (size_t r = 0; r < rows; r++) {
        float *row = logprobs + r * (size_t)classes;
        float largest = row_largest(row, classes);
        double sum = row_sum(row, classes, largest, inverse, &moment);
        double norm = portable_log(sum);
        for (int c = 0; c < classes; c++)
            row[c] = (float)(inverse * ((double)row[c] - (double)largest) - norm);
    }
}

/* The mean loss at 1 / T, and its derivative by 1 / T. */
static double fit_loss(const float *logprobs, const uint16_t *label, size_t rows,
                       int classes, double inverse, double *slope)
{
    double loss = 0;
    *slope = 0;
    for (size_t r = 0; r < rows; r++) {
        const float *row = logprobs + r * (size_t)classes;
        float largest = row_largest(row, classes);
        double moment, sum = row_sum(row, classes, largest, inverse, &moment);
        double own = (double)row[label[r]] - (double)largest;
        loss += portable_log(sum) - inverse * own;
        *slope += moment / sum - own;
    }
    *slope /= (double)rows;
    return loss / (double)rows;
}

struct calibration calibration_fit(const float *logprobs, const uint16_t *label,
                                   size_t rows, int classes)
{
    double low = 1 / CALIBRATION_MOST, high = 1 / CALIBRATION_LEAST, slope;
    struct calibration found;
    found.before = fit_loss(logprobs, label, rows, classes, 1, &slope);
    while (high - low > FIT_PRECISION * low) {
        double middle = sqrt(low * high);
        fit_loss(logprobs, label, rows, classes, middle, &slope);
        if (slope > 0)
            high = middle;
        else
            low = middle;
    }
    found.temperature = 1 / sqrt(low * high);
    found.loss = fit_loss(logprobs, label, rows, classes, 1 / found.temperature, &slope);
    return found;
}
