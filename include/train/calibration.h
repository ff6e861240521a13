/*
 * calibration: one number, the temperature, makes probabilities as likely as they say:
 * p = softmax(z / T). It is fitted on images that were not trained on; the most likely
 * class stays the same.
 *
 * C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On Calibration of Modern Neural
 * Networks", ICML 2017, section 4.2.
 */
#ifndef LOCKSTEP_TRAIN_CALIBRATION_H
#define LOCKSTEP_TRAIN_CALIBRATION_H

#include <stddef.h>
#include <stdint.h>

#define CALIBRATION_LEAST 0.05 /* temperatures */
#define CALIBRATION_MOST  20.0

/* logprobs: (rows, classes), log-probabilities, in place. The same bits for any split of
   the rows. */
void calibration_apply(float *logprobs, size_t rows, int classes, double temperature);

struct calibration {
    double temperature; /* CALIBRATION_LEAST to CALIBRATION_MOST */
    double before,
        loss; /* mean negative log-likelihood, with temperature 1 and with it */
};

/* The temperature with the least mean negative log-likelihood. logprobs: (rows, classes),
   label: (rows), rows > 0. The loss is convex in 1 / T, so that its derivative's zero is
   found by bisection. */
struct calibration calibration_fit(const float *logprobs, const uint16_t *label,
                                   size_t rows, int classes);

#endif
