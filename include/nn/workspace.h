/*
 * workspace: a grain's way through a model: buffers, forward, loss, backward.
 */
#ifndef LOCKSTEP_NN_WORKSPACE_H
#define LOCKSTEP_NN_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/model.h"

/* Buffers in which one team takes one grain through the model. Not shared between teams.
 */
struct workspace {
    float **activation;     /* (ops + 1): [i] is op i's input (grain, in) */
    float *logprobs;        /* (grain, classes): the output of the last op */
    float *delta[2];        /* gradients of activations, used alternately */
    float *input_gradient;  /* one of these: a part's, (grain, in) after backward */
    float *output_gradient; /* one of these: backward starts with it, (grain, out) */
    void **save;            /* (ops): what op i keeps from forward to backward */
    void *scratch;
    int *label;       /* (grain) */
    uint64_t *sample; /* (grain) global sample numbers */
    struct team_shared team;
    void *memory; /* owned: the one allocation that all buffers lie in */
    size_t bytes; /* of it */
};

size_t workspace_bytes(const struct model *model);
void workspace_init(struct workspace *ws, const struct model *model);
void workspace_release(struct workspace *ws);

/* How a team shares each step's passes: enum split. All zero: each kernel's own choice.
 */
struct split_plan {
    unsigned char forward[MODEL_LAYERS], backward[MODEL_LAYERS];
};

/* What a grain's passes are given besides the workspace. */
struct grain_pass {
    struct team team;
    const struct split_plan *plan; /* borrowed; NULL: auto throughout */
    int n;
    bool train;
    uint64_t seed, step;
    const float *params;
    float *grads;          /* backward only */
    float label_smoothing; /* train only; 0..1 */
};

/* What the loss makes of a grain. */
struct grain_result {
    float
        loss; /* sum over the grain's samples of the (smoothed) negative log-likelihood */
    int correct;
};

/* ws->activation[0], label, sample are filled in by the caller. After model_forward
   ws->logprobs holds the log-probabilities (n, classes). Called by every member of the
   team. */
void model_forward(const struct model *model, struct workspace *ws,
                   const struct grain_pass *pass);

/* Loss of the grain from its log-probabilities, and (train) the gradient that starts
   backward. Sequential: done by team member 0; *result is written by it alone; ends with
   a barrier. */
void model_loss(const struct model *model, struct workspace *ws,
                const struct grain_pass *pass, struct grain_result *result);

/* Writes every element of pass->grads (padding: zero). After each layer with parameters
   `ready` (may be NULL) is called by team member 0 with the flat range that is final. */
void model_backward(const struct model *model, struct workspace *ws,
                    const struct grain_pass *pass,
                    void (*ready)(void *context, size_t begin, size_t end),
                    void *context);

/* The first step whose output in the workspace has a NaN or Inf, or -1. */
int model_find_bad(const struct model *model, const struct workspace *ws, int n);

#endif
