/*
 * state: the vectors that make up the state of a run (weights, their average, those of
 * the optimizer), their hash, and their tensors one by one.
 */
#ifndef LOCKSTEP_TRAIN_STATE_H
#define LOCKSTEP_TRAIN_STATE_H

#include <stdint.h>

#include "nn/model.h"
#include "nn/optim.h"

/* The vectors of a run: model->params floats each, borrowed. With a pipeline a rank has
   those of its stage. */
struct run_state {
    float *params;
    float *ema; /* NULL: off */
    float *optim[OPTIM_STATES];
    int optims;
    const char *optim_name[OPTIM_STATES];
};

/* One of the vectors, and the group of the file that holds its tensors. */
struct state_vector {
    char group[32];
    float *data;
    /* Rules of the ranges whose tensors the file has: all for weights; trained ones for
       the optimizer's vectors, and also statistics for slow weights. */
    unsigned rules;
};
#define STATE_VECTORS (2 + OPTIM_STATES)
/* Does the file have this tensor of the vector? */
bool state_vector_has(const struct state_vector *vector,
                      const struct layer_tensor *tensor);
/* The vectors that there are, in the file's order; returns how many. */
int run_state_list(const struct run_state *state,
                   struct state_vector list[STATE_VECTORS]);

/* The hash of all vectors and the step: the log's state=. It is a hash of hashes, one for
   each vector and unit of the model, so that stages can compute it together:
   run_state_hash is run_state_join of all hashes of run_state_unit_hashes. hashes:
   (vectors, units of the whole model); those of the part's units are written. */
uint64_t run_state_hash(const struct run_state *state, const struct model *model,
                        uint64_t step);
void run_state_unit_hashes(const struct run_state *state, const struct model *part,
                           int units, uint64_t *hashes);
uint64_t run_state_join(const uint64_t *hashes, size_t count, uint64_t step);

/* Moves the tensors of a state to a file (give) or from a file (take), one at a time, in
   the file's order: vector by vector of run_state_list, layer by layer of the whole
   model. values: tensor.count floats in the file's layout. */
struct tensor_name {
    int vector, layer, tensor;
};
struct state_stream {
    void *context;
    void (*give)(void *context, struct tensor_name name, float *values);
    void (*take)(void *context, struct tensor_name name, const float *values);
};

/* A state that one process holds whole. */
struct state_store {
    const struct model *model; /* borrowed */
    const struct run_state *state;
};
struct state_stream state_stream_of(struct state_store *store);

/* Copies tensor `name` from a vector of the model into the file's layout, and back. The
   model may be a part; layers are counted as in the whole. */
void state_give(const struct model *model, const struct run_state *state,
                struct tensor_name name, float *values);
void state_take(const struct model *model, const struct run_state *state,
                struct tensor_name name, const float *values);

/* Floats of the largest tensor. */
size_t state_largest(const struct model *model);

#endif
