/*
 * average: batchnorm's statistics for averaged weights.
 *
 * Running means and variances follow the weights of the training; the averaged weights
 * (train.ema) need those of their own activations: P. Izmailov et al., "Averaging Weights
 * Leads to Wider Optima and Better Generalization", UAI 2018, section 3.2. They are a
 * function of the step's weights and of the data alone: the first train.ema_samples
 * images in the order of epoch 0 go forward in nearly equal batches of at most
 * train.batch, as in use (no augmentation, no dropout), but with every grain normalised
 * by its own statistics. The tree sums them as those of a training step, and the
 * cumulative mean over the batches is what remains of them. They are taken before an
 * evaluation and at the end of a run; a stop does not wait for them.
 */
#ifndef LOCKSTEP_TRAIN_AVERAGE_H
#define LOCKSTEP_TRAIN_AVERAGE_H

#include "forward_pass.h"
#include "stepper.h"

/* Empty, with no batches, if there are no averaged weights or no running statistics. */
struct average {
    struct stepper *stepper; /* borrowed */
    int batches;
    uint64_t most; /* samples of a rank in a batch */
    struct loader loader;
    struct forward_pass forward;
};

/* Collective. Stays where it is. */
void average_init(struct average *average, struct stepper *stepper);
void average_release(struct average *average);

/* Collective: writes the statistics in stepper->state.ema. ST_FAIL: an image cannot be
   read or decoded. ST_AGAIN: a rank was asked to stop, or it was after `latest`, in
   timer_now seconds, on one. In both cases the statistics are unusable. */
enum status average_statistics(struct average *average, double latest) MUST_CHECK;

/* For weights whose statistics were never taken: the running ones of the training. */
void average_copy_running(struct average *average);

/* Bytes for the images of a rank that has `most` samples of a batch. */
size_t average_bytes(const struct trainer_setup *setup, const struct stage *stage,
                     uint64_t most);

#endif
