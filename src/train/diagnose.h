/*
 * diagnose: where the numbers of a run became NaN or infinite.
 */
#ifndef LOCKSTEP_TRAIN_DIAGNOSE_H
#define LOCKSTEP_TRAIN_DIAGNOSE_H

#include "stepper.h"

/* Collective: the name of the layer nearest to the loss with a NaN or Inf in its range of
   `vector`, the weights or their gradient; NULL: there is none. Backward meets that layer
   first. */
const char *diagnose_layer(const struct train_run *run, const float *vector);

/* Collective: an error that says where the bad numbers of `step`, which has just been
   computed, came from. */
void diagnose_step(struct stepper *stepper, const struct train_step *step);

/* ST_FAIL if an image of the step could not be read; the rank that reads it says
   which. */
enum status diagnose_images(const struct stepper *stepper,
                            const struct train_step *step) MUST_CHECK;

#endif
