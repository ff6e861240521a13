/*
 * tape: which buffers a grain needs on its way through a model, and when.
 *
 * Time: each op of the forward pass, then the loss, then each op of the backward pass. A
 * buffer is a number; workspace.c gives it memory. One that two legs (leg.h) use is in
 * use as long as they go on. A value, or a gradient, that a single leg uses holds a block
 * of its images, which stays in the caches, and is in use as long as ops need it; unless
 * an op needs it of all images at once.
 *
 * - An activation lives from its op's forward pass to its last reader's, or as long as a
 *   backward pass reads it (layer_ops.keeps). An op that can (layer_ops.in_place) writes
 *   it over its input, if nobody else reads that.
 *
 * - Each reader of a value writes its part of the value's gradient to a buffer of its
 * own. As soon as it is there it is added to the sum of those before, in the order of
 *   backward: the last op's first.
 *
 * - An op that passes its gradient on (layer_ops.passes_gradient) gives its readers' sum
 *   itself to its inputs, without a copy. Such a buffer is not written to while another
 *   value needs it. Where nobody does, an op writes its input's gradient over dy
 *   (layer_ops.overwrites).
 *
 * - Gradients of parameters whose sum cannot go on from block to block
 *   (layer_ops.gradients_go_on) are computed at the end of the op's leg: until then it
 *   needs dy of the whole grain.
 */
#ifndef LOCKSTEP_NN_TAPE_H
#define LOCKSTEP_NN_TAPE_H

#include "leg.h"
#include "lifetime.h"
#include "nn/model.h"

#define TAPE_NONE (-1)

/* After an op's backward pass: to = a + b, `value` says how many floats. */
struct tape_sum {
    int to, a, b; /* to may be a or b; TAPE_NONE: no sum */
    int value;
};

struct tape_op {
    int save;             /* from forward to backward */
    int room[LEG_PASSES]; /* from gather to the end of the pass; TAPE_NONE: no need */
    int dy;               /* the gradient of its output; TAPE_NONE: no backward pass */
    int dx[LAYER_INPUTS]; /* written by backward; TAPE_NONE: not wanted, or passed on */
    struct tape_sum sum[LAYER_INPUTS];
};

struct tape {
    int *activation;     /* owned: (ops + 1): [v] of value v */
    struct tape_op *op;  /* owned: (ops) */
    int output_gradient; /* backward starts with it; TAPE_NONE: there is none */
    int input_gradient;  /* of value 0; TAPE_NONE: not wanted */
    int loss;            /* its time */
    int buffers;
    struct lifetime *buffer; /* owned: (buffers) */
    bool *block;             /* owned: (buffers): of a block, not of the grain */
};

/* legs: (LEG_PASSES). members: the most of a team. */
void tape_init(struct tape *tape, const struct model *model, const struct legs *legs,
               int members);
void tape_release(struct tape *tape);

#endif
