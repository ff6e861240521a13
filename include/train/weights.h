/*
 * weights: reads the weights of a checkpoint, and nothing else of it.
 */
#ifndef LOCKSTEP_TRAIN_WEIGHTS_H
#define LOCKSTEP_TRAIN_WEIGHTS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "train/stage.h"

/* Collective. Rank 0 reads the file, as checkpoint_read_weights does; every rank gets the
   weights of its stage, params: (stage->model->params), and never holds more than these
   and one tensor. checkpoint is used on rank 0 only. */
enum status weights_read(struct comm *comm, const struct stage *stage,
                         const char *checkpoint, float *params,
                         bool *averaged) MUST_CHECK;

/* Weights for a network from a checkpoint of another one. Both have the same layers with
   parameters, in the same order; one of them, the head, may differ, and begins anew. */
struct weights_source {
    const char *checkpoint;    /* borrowed, as are all */
    const struct model *model; /* the checkpoint's */
    const int *layer;          /* (model->layers) the same layer of the network */
    int head;                  /* the network's layer that begins anew, with zeros, or a
                                  norm with its initial values; -1: none */
    uint64_t seed;             /* of these (model_init_tensor) */
};

/* Collective, like weights_read; the source is used on rank 0 only. */
enum status weights_take(struct comm *comm, const struct stage *stage,
                         const struct weights_source *source, float *params) MUST_CHECK;

#endif
