/*
 * sample: what repeated measurements say of a time.
 */
#ifndef LOCKSTEP_LAB_SAMPLE_H
#define LOCKSTEP_LAB_SAMPLE_H

/* Half of the values of a long series would be below the median; with a probability of
   95 % or more it lies in [low, high]. */
struct sample {
    double median, low, high;
    int count;
};

/* The interval is that of order statistics: of n values, the j-th smallest and the j-th
   largest enclose the median but for a probability of 2 P(B(n, 1/2) < j), whatever the
   distribution. Returns the largest j, from 1, for which that is at most 5 %; 0: there is
   none, n is less than 6. */
int sample_rank(int count);

/* count >= 1; the values are sorted. Of less than 6 the interval is all of them. */
struct sample sample_of(double *values, int count);

#endif
