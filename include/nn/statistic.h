/*
 * statistic: running means and variances of channels, which training updates once a step.
 *
 * A grain of n samples writes into their slots of its gradient, with m the running mean
 * before the step:
 *
 *   n (mean(x) - m)    and    n mean((x - m)^2)
 *
 * The tree adds them over the grains. Of the batch's sums S and Q over N samples, with
 * M = N values_per_sample values of each channel, follow the batch's mean m + S / N and
 * variance Q / N - (S / N)^2, and as in PyTorch
 *
 *   mean     += momentum (batch mean - mean)
 *   variance += momentum (batch variance M / (M - 1) - variance)
 *
 * Sums about the running mean lose no digits where the mean is much larger than the
 * deviation. A batch of one value a channel has no variance and changes neither.
 */
#ifndef LOCKSTEP_NN_STATISTIC_H
#define LOCKSTEP_NN_STATISTIC_H

#include <stddef.h>

struct statistic {
    size_t mean, variance; /* where they begin in the flat vector */
    size_t channels;
    double momentum;
    double values_per_sample; /* pixels */
};

struct statistics {
    int count;
    struct statistic *statistic; /* owned: (count), in the order of the flat vector */
};

void statistics_add(struct statistics *statistics, const struct statistic *statistic);
void statistics_release(struct statistics *statistics);

/* Copies the running means and variances of one vector to another. */
void statistics_copy(const struct statistics *statistics, float *to, const float *from);

/* Cumulative mean over batches: params' statistics, which are those of `before` samples,
   become those of these and a batch of `samples` more. With 0 before, the batch's. */
void statistics_average(const struct statistics *statistics, float *params,
                        const float *sums, double samples, double before);

/* Updates those of floats [begin, end) of params from the batch's sums; a vector may be
   cut anywhere without a change of bits, but all of `sums` is read. */
void statistics_update(const struct statistics *statistics, float *params,
                       const float *sums, double samples, size_t begin, size_t end);

#endif
