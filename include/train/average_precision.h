/*
 * average_precision: how well scores put the samples that have a class in front of those
 * that do not have it.
 *
 *   sum over n of (R_n - R_(n-1)) P_n
 *
 * where P_n and R_n are precision and recall of the answers with a score of the n-th
 * largest value or more, as in scikit-learn's average_precision_score: samples of equal
 * scores count as one.
 */
#ifndef LOCKSTEP_TRAIN_AVERAGE_PRECISION_H
#define LOCKSTEP_TRAIN_AVERAGE_PRECISION_H

#include <stddef.h>
#include <stdint.h>

struct scored {
    float score;
    uint32_t has; /* 1: the sample has the class; 0 */
};

/* 0..1; NAN if no sample has the class. Sorts the samples. The value does not depend on
   their order; a score that is NaN counts as the least. */
double average_precision(struct scored *sample, size_t n);

#endif
