/*
 * sample: what repeated measurements say of a time.
 */
#ifndef LOCKSTEP_LAB_SAMPLE_H
#define LOCKSTEP_LAB_SAMPLE_H

#include <stdbool.h>

/* Half of the values of a long series would be below the median; with a probability of
   95 % or more it lies in [low, high]. */
struct sample {
    double median, low, high;
    int count;
    bool doubtful; /* of values that other work disturbed (sample_take) */
};

/* The interval is that of order statistics: of n values, the j-th smallest and the j-th
   largest enclose the median but for a probability of 2 P(B(n, 1/2) < j), whatever the
   distribution. Returns the largest j, from 1, for which that is at most 5 %; 0: there is
   none, n is less than 6. */
int sample_rank(int count);

/* count >= 1; the values are sorted. Of less than 6 the interval is all of them. */
struct sample sample_of(double *values, int count);

/* Values as they come in; those taken while other work interfered count only if there are
   not enough others. */
#define SAMPLE_MOST  400
#define SAMPLE_LEAST 7 /* from 6 on there is a 95 % interval */
struct sample_values {
    int clean, disturbed;
    double value[SAMPLE_MOST], doubtful[SAMPLE_MOST];
};

/* Further values than SAMPLE_MOST of a kind are left out. */
void sample_add(struct sample_values *values, double value, bool clean);
struct sample sample_take(struct sample_values *values);

#endif
