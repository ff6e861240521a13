/*
 * strategy: one way of sharing one pass of one layer among threads, ready to be run.
 *
 * Where the layer's kernel knows the split (layer_ops.splits), it is the kernel's: a
 * result is shared out, never a sum, and the bits are those of one thread. The others
 * split a sum, and live here alone:
 *
 *   batch    each thread, or lane, has its own images and a gradient of its own; the
 *            gradients are added by the tree that training adds grains by, each thread
 *            some of their elements. Without a sum (forward, layers without weights):
 *            the kernel's split if it has one
 *   hybrid   from 4 threads on, if they are even: lanes of two threads that share
 *            channels or features
 *   spatial  tiles of a convolution's rows, one for each thread, with the rows around
 *            them (halo); partial weight gradients and overlapping rows of dx are added
 *            in the order of the tiles
 *   channel  a convolution's output channels, where the kernel does not know it: one
 * block for each thread filter   blocks of (output, input) channel pairs, as many as the
 * layer's size says; partial sums are added in the order of the blocks, whatever the
 * threads
 */
#ifndef LOCKSTEP_LAB_STRATEGY_H
#define LOCKSTEP_LAB_STRATEGY_H

#include <stdbool.h>

#include "kernels/team.h"
#include "nn/layer.h"

enum strategy_pass { STRATEGY_FORWARD, STRATEGY_BACKWARD, STRATEGY_PASSES };

/* "forward", "backward" */
const char *strategy_pass_name(enum strategy_pass pass);

/* What is computed; all borrowed. Arrays as in struct pass (nn/layer.h), with
   CONV_POOL_SLACK readable floats behind x. */
struct strategy_task {
    const struct layer *layer;
    enum strategy_pass pass;
    int n;
    const float *x, *dy, *params; /* params and grads: the network's flat vectors */
    float *y, *dx, *grads;        /* dx NULL: not wanted */
    const uint64_t *sample;       /* (n) */
};

struct strategy;

/* Is there such a strategy for this layer and pass? Sequential: for one thread alone;
   all others need two or more. */
bool strategy_applies(const struct strategy_task *task, enum split split, int threads);

/* It must apply. Owns its buffers; for a backward pass it makes the forward pass once,
   for what that keeps. */
struct strategy *strategy_create(const struct strategy_task *task, enum split split,
                                 int threads);
void strategy_free(struct strategy *strategy);

/* The pass, called by every member of a team of `threads`; ends with a barrier. */
void strategy_run(struct strategy *strategy, const struct team *team);

/* Into how many pieces the work can be cut; 0: the kernel knows. */
int strategy_pieces(const struct strategy *strategy);

/* Seconds that member 0 has spent in adding up partial sums since the creation. */
double strategy_sum_seconds(const struct strategy *strategy);

#endif
