/*
 * strategy: one way to divide one pass of one layer among threads, ready to be run.
 *
 * Where the layer's kernel knows the split (layer_ops.splits), the strategy is the
 * kernel's: it divides results, never a sum, and the bits are those of one thread. The
 * other strategies divide a sum, and exist in the laboratory only:
 *
 *   - batch: each thread has its own images and its own gradient. The gradients are added
 *     by the tree that training adds grains by, each thread some of the elements. Where
 *     there is no sum (forward, layers without weights), it is the kernel's split if it
 *     has one.
 *
 *   - hybrid: lanes of two threads, which share channels or features; each lane has its
 *     own images. For an even number of threads, 4 or more.
 *
 *   - spatial: each thread has one tile of a convolution's rows, with the rows around it
 *     (halo). Partial weight gradients and overlapping rows of dx are added in the order
 *     of the tiles.
 *
 *   - channel: each thread has one block of a convolution's output channels. Only where
 *     the kernel does not know this split.
 *
 *   - filter: blocks of (output, input) channel pairs, whose number depends on the
 *     layer's size alone. Partial sums are added in the order of the blocks, whatever the
 *     number of threads.
 */
#ifndef LOCKSTEP_LAB_STRATEGY_H
#define LOCKSTEP_LAB_STRATEGY_H

#include <stdbool.h>

#include "kernels/team.h"
#include "nn/layer.h"

enum strategy_pass { STRATEGY_FORWARD, STRATEGY_BACKWARD, STRATEGY_PASSES };

/* "forward", "backward" */
const char *strategy_pass_name(enum strategy_pass pass);

/* The pass to run. Everything is borrowed; arrays as in struct pass (nn/layer.h), with
   CONV_POOL_SLACK readable floats behind x. */
struct strategy_task {
    const struct layer *layer;
    enum strategy_pass pass;
    int n;
    const float *x, *x2;
    float *dy;
    const float *params;         /* params and grads: the network's flat vectors */
    float *y, *dx, *dx2, *grads; /* dx, dx2 NULL: not wanted */
    const uint64_t *sample;      /* (n) */
};

struct strategy;

/* Is there such a strategy for this layer and pass? Sequential needs exactly one thread,
   all others two or more. */
bool strategy_applies(const struct strategy_task *task, enum split split, int threads);

/* The strategy must apply. It owns its buffers. For a backward pass it runs the forward
   pass once, for the values that forward saves. */
struct strategy *strategy_create(const struct strategy_task *task, enum split split,
                                 int threads);
void strategy_free(struct strategy *strategy);

/* Runs the pass. Called by every member of a team of `threads`; ends with a barrier. */
void strategy_run(struct strategy *strategy, const struct team *team);

/* The number of pieces that the work can be divided into; 0: known to the kernel only. */
int strategy_pieces(const struct strategy *strategy);

/* Seconds that member 0 has spent adding partial sums since strategy_create. */
double strategy_sum_seconds(const struct strategy *strategy);

#endif
