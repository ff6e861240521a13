/*
 * state: the vectors that make up the state of a run: weights, their average, the
 * optimizer's; the hash of them, and their tensors one by one.
 */
#ifndef LOCKSTEP_TRAIN_STATE_H
#define LOCKSTEP_TRAIN_STATE_H

#include <stdint.h>

#include "nn/model.h"
#include "nn/optim.h"

/* The vectors of a run; all of model->params floats, borrowed. With a pipeline a rank has
   its part's. */
struct run_state {
    float *params;
    float *ema; /* NULL: off */
    float *optim[OPTIM_STATES];
    int optims;
    const char *optim_name[OPTIM_STATES];
};

/* A vector of them, and the group of the file in which its tensors lie. */
struct state_vector {
    char group[32];
    float *data;
    unsigned
        rules; /* of the tensors that the file has: the optimizer's are trained ones */
};
#define STATE_VECTORS (2 + OPTIM_STATES)
/* Does the file have this tensor of the vector? */
bool state_vector_has(const struct state_vector *vector,
                      const struct layer_tensor *tensor);
/* All there are, in the file's order; returns how many. */
int run_state_list(const struct run_state *state,
                   struct state_vector list[STATE_VECTORS]);

/* Hash of all vectors of the state and the step: the log's state=. It is made of one hash
   for each vector and unit of the model, so that it can be made of parts: run_state_hash
   is run_state_join of what run_state_unit_hashes gives. hashes: (vectors, units of the
   whole model), of which a part's are written. */
uint64_t run_state_hash(const struct run_state *state, const struct model *model,
                        uint64_t step);
void run_state_unit_hashes(const struct run_state *state, const struct model *part,
                           int units, uint64_t *hashes);
uint64_t run_state_join(const uint64_t *hashes, size_t count, uint64_t step);

/* A state's tensors on their way to a file or out of it, one at a time, in the file's
   order: vector by vector of run_state_list, layer by layer of the whole model. values
   are tensor.count floats as the file has them. */
struct tensor_name {
    int vector, layer, tensor;
};
struct state_stream {
    void *context;
    void (*give)(void *context, struct tensor_name name, float *values); /* to write */
    void (*take)(void *context, struct tensor_name name, const float *values);
};

/* All that is the state of one process. */
struct state_store {
    const struct model *model; /* borrowed */
    const struct run_state *state;
};
struct state_stream state_stream_of(struct state_store *store);

/* Of tensor `name`: between the file's order and a model's vector; model may be a part,
   layers are counted as in the whole. */
void state_give(const struct model *model, const struct run_state *state,
                struct tensor_name name, float *values);
void state_take(const struct model *model, const struct run_state *state,
                struct tensor_name name, const float *values);

/* Floats of the largest tensor. */
size_t state_largest(const struct model *model);

#endif
