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
 * cumulative mean over the batches is what remains of them.
 */
#ifndef LOCKSTEP_TRAIN_AVERAGE_H
#define LOCKSTEP_TRAIN_AVERAGE_H

#include "stepper.h"

/* Collective: writes the statistics in stepper->state.ema. ST_FAIL: an image cannot be
   read or decoded. Does nothing without averaged weights or running statistics. */
enum status average_statistics(struct stepper *stepper) MUST_CHECK;

/* The batches that it takes; 0: it does nothing. Not collective. */
int average_batches(const struct train_run *run);

#endif
