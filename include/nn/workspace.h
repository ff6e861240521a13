/*
 * workspace: the pass of a grain through a model: buffers, forward, loss, backward.
 */
#ifndef LOCKSTEP_NN_WORKSPACE_H
#define LOCKSTEP_NN_WORKSPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "nn/loss.h"
#include "nn/model.h"

/* The gradient of a value. */
struct workspace_gradient {
    float *at;  /* NULL: there is none */
    bool block; /* of the images of a leg's block, not of the grain */
};

/* to = a + b after an op's backward pass; to may be a or b. */
struct workspace_sum {
    struct workspace_gradient to, a, b; /* to.at NULL: no sum */
    size_t size;                        /* floats of a sample */
};

/* The buffers of an op's passes besides the activations. */
struct workspace_op {
    void *save;
    void *room[2]; /* forward and backward: layer->room bytes; NULL: no need */
    struct workspace_gradient dy; /* of its output; none: it does not go backward */
    struct workspace_gradient dx[LAYER_INPUTS]; /* may be dy; none: not wanted, or passed
                                                   on */
    struct workspace_sum sum[LAYER_INPUTS];
};

/* The buffers of one team for one grain. Buffers that are not needed at the same time
   share memory: an activation that no backward pass reads is overwritten before the end
   of the forward pass (src/nn/tape.h says when). */
struct workspace {
    float **activation; /* (ops + 1): [v] is value v (nn/model.h); [0] and [ops] stay */
    bool *block; /* owned: (ops + 1): is activation[v] of a block, not of the grain? */
    float *logprobs;         /* (grain, classes): the output of the last op */
    float *input_gradient;   /* a part's, (grain, in) after backward; NULL: not wanted */
    float *output_gradient;  /* backward starts with it, (grain, out); it may be written
                                after the forward pass */
    struct workspace_op *op; /* (ops) */
    void *scratch;
    struct legs *legs;     /* owned: which ops go together (src/nn/leg.h) */
    struct target *target; /* (grain) */
    uint64_t *sample;      /* (grain) numbers that name the draws of dropout */
    struct team_shared team;
    void *memory; /* owned: the one allocation that all buffers lie in */
    size_t bytes; /* of it */
};

/* members: the most threads that pass a grain through it together. */
size_t workspace_bytes(const struct model *model, int members);
/* Bytes per image that an op leaves for backward: its output, if a backward pass reads
   it, and what the op itself saves. */
size_t workspace_stored(const struct model *model, int op);
void workspace_init(struct workspace *ws, const struct model *model, int members);
/* For model_forward_op and model_backward_op: no value or gradient is of a block. */
void workspace_init_by_op(struct workspace *ws, const struct model *model, int members);
void workspace_release(struct workspace *ws);

/* The split of each op's passes (enum split). All zero: every kernel chooses. */
struct split_plan {
    unsigned char forward[MODEL_LAYERS], backward[MODEL_LAYERS];
};

/* The arguments of a grain's passes besides the workspace. */
struct grain_pass {
    struct team team;
    const struct split_plan *plan; /* borrowed; NULL: every kernel chooses */
    int n;
    int from; /* op: those before it are left out, and value `from` is there; 0: none */
    int to;   /* op: it and those behind it are left out; 0: none */
    bool train;
    bool
        measure; /* as in use, but norms go by the grain, whose statistics they measure */
    uint64_t seed, step;
    const float *params;
    const float *packed; /* made from params (nn/packed.h) */
    float
        *grads; /* backward writes all of it; with `measure` forward writes statistics */
    struct loss loss; /* train only */
};

/* The results of a grain. */
struct grain_result {
    float loss;  /* sum over the samples: in training as nn/loss.h, else cross-entropy */
    int correct; /* samples with the right class, or with all classes right */
};

/* Every member of the team calls these with the same arguments. The caller has filled in
   ws->activation[0] (or the value that the pass begins with), target and sample;
   afterwards ws->logprobs holds the log-probabilities (n, classes). */
void model_forward(const struct model *model, struct workspace *ws,
                   const struct grain_pass *pass);

/* One op of these passes alone, for measurements, with all images at once, in a workspace
   of workspace_init_by_op. Every member of the team calls them. Only ops that go back
   (model_goes_back) have a backward pass, which may write over dy. model_backward does
   more: it zeroes padding. */
void model_forward_op(const struct model *model, struct workspace *ws,
                      const struct grain_pass *pass, int op);
void model_backward_op(const struct model *model, struct workspace *ws,
                       const struct grain_pass *pass, int op);

/* The loss of the grain from its log-probabilities and, in training, the gradient that
   backward starts with. Team member 0 computes it and writes *result; ends with a
   barrier. */
void model_loss(const struct model *model, struct workspace *ws,
                const struct grain_pass *pass, struct grain_result *result);

/* Writes every element of pass->grads; padding becomes zero. After each op with
   parameters team member 0 calls `ready` (may be NULL) with the flat range that is now
   final. */
void model_backward(const struct model *model, struct workspace *ws,
                    const struct grain_pass *pass,
                    void (*ready)(void *context, size_t begin, size_t end),
                    void *context);

/* model_forward by one thread; returns the first op whose output has a NaN or an
   infinity, or -1. */
int model_find_bad(const struct model *model, struct workspace *ws,
                   const struct grain_pass *pass);

#endif
