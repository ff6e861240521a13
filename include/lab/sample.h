/*
 * sample: the median of repeated measurements, and how certain it is.
 */
#ifndef LOCKSTEP_LAB_SAMPLE_H
#define LOCKSTEP_LAB_SAMPLE_H

#include <stdbool.h>

/* [low, high] contains the median of the distribution with a probability of 95 % or
   more. */
struct sample {
    double median, low, high;
    int count;
    bool doubtful; /* contains values that other work disturbed (sample_take) */
};

/* The interval is that of order statistics: of n values, the j-th smallest and the j-th
   largest do not enclose the median with a probability of 2 P(B(n, 1/2) < j), whatever
   the distribution. Returns the largest j, from 1, for which that is at most 5 %; 0 if
   there is none, for n < 6. */
int sample_rank(int count);

/* count >= 1. Sorts the values. Of fewer than 6 the interval is all of them. */
struct sample sample_of(double *values, int count);

/* Values as they are measured. Those that other work disturbed count only if there are
   not enough others. */
#define SAMPLE_MOST  400
#define SAMPLE_LEAST 7 /* from 6 on there is a 95 % interval */
struct sample_values {
    int clean, disturbed;
    double value[SAMPLE_MOST], doubtful[SAMPLE_MOST];
};

/* clean: not disturbed. At most SAMPLE_MOST values of either kind are kept. */
void sample_add(struct sample_values *values, double value, bool clean);
struct sample sample_take(struct sample_values *values);

#endif
