/*
 * weights: reads the weights of a checkpoint, and nothing else of it.
 */
#ifndef LOCKSTEP_TRAIN_WEIGHTS_H
#define LOCKSTEP_TRAIN_WEIGHTS_H

#include <stdbool.h>

#include "base/status.h"
#include "train/stage.h"

/* Collective. Rank 0 reads the file, as checkpoint_read_weights does; every rank gets the
   weights of its stage, params: (stage->model->params), and never holds more than these
   and one tensor. checkpoint is used on rank 0 only. */
enum status weights_read(struct comm *comm, const struct stage *stage,
                         const char *checkpoint, float *params,
                         bool *averaged) MUST_CHECK;

#endif
