/* strategy_impl: what the sources of strategy share. */
#ifndef LOCKSTEP_LAB_STRATEGY_IMPL_H
#define LOCKSTEP_LAB_STRATEGY_IMPL_H

#include "kernels/conv.h"
#include "lab/strategy.h"

/* Threads that go through their own images as one team. */
struct strategy_lane {
    int begin, end; /* images */
    float *grads;
    void *save, *scratch;
    struct team_shared shared;
};

struct strategy {
    struct strategy_task task;
    struct layer *layer; /* a copy whose tensors begin at offset 0 of params and grads */
    const float *params;
    float *grads;
    enum split split;
    int threads, pieces;
    void (*run)(struct strategy *strategy, const struct team *team);
    int lanes;
    struct strategy_lane *lane;
    void *own; /* of spatial and filter */
    void (*own_free)(void *own);
    double sum_seconds;
};

/* Floats of weights and biases, with what lies between them. */
size_t strategy_weights(const struct layer *layer);

/* A layer as a convolution: a linear one is 1x1 on images of one pixel. false: neither.
 */
bool strategy_conv(const struct strategy_task *task, struct conv_shape *shape);

/* sum = the tree over parts[0 .. count), elements [begin, end); part 0 may be sum. The
   other parts are used up. */
void strategy_tree_sum(float *const *parts, int count, size_t begin, size_t end);

/* Member's elements of `count`, in whole cache lines. */
void strategy_share(const struct team *team, size_t count, size_t *begin, size_t *end);

/* Set run, pieces, own and own_free. */
void strategy_spatial_setup(struct strategy *strategy);
void strategy_filter_setup(struct strategy *strategy);

#endif
