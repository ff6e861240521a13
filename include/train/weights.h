/*
 * weights: those of a checkpoint, for ranks that compute with them and do not go on with
 * the run that wrote it.
 */
#ifndef LOCKSTEP_TRAIN_WEIGHTS_H
#define LOCKSTEP_TRAIN_WEIGHTS_H

#include <stdbool.h>

#include "base/status.h"
#include "train/stage.h"

/* Collective. Rank 0 reads the whole file, as checkpoint_read_weights does; every rank
   gets its stage's weights, params: (stage->model->params), and holds no more than these
   and one tensor. checkpoint: rank 0's counts. */
enum status weights_read(struct comm *comm, const struct stage *stage,
                         const char *checkpoint, float *params,
                         bool *averaged) MUST_CHECK;

#endif
