/* strategy_impl: shared by the sources of strategy. */
#ifndef LOCKSTEP_LAB_STRATEGY_IMPL_H
#define LOCKSTEP_LAB_STRATEGY_IMPL_H

#include "kernels/conv.h"
#include "lab/strategy.h"

/* A team of threads with images of its own. */
struct strategy_lane {
    int begin, end; /* images */
    float *grads;
    void *save, *room, *scratch;
    struct team_shared shared;
};

struct strategy {
    struct strategy_task task;
    struct layer *layer; /* a copy whose tensors begin at offset 0 of params and grads */
    const float *params;
    float *packed, *packed_back; /* owned */
    float *grads;
    enum split split;
    int threads, pieces;
    void (*run)(struct strategy *strategy, const struct team *team);
    int lanes;
    struct strategy_lane *lane;
    void *own; /* owned by spatial or filter */
    void (*own_free)(void *own);
    double sum_seconds;
};

/* Floats of the layer's weights and biases, padding between them included. */
size_t strategy_weights(const struct layer *layer);

/* The layer as a convolution; a linear layer is 1x1 on images of one pixel. False: it is
   neither. */
bool strategy_conv(const struct strategy_task *task, struct conv_shape *shape);

/* This member's share of `count` elements, in whole cache lines. */
void strategy_share(const struct team *team, size_t count, size_t *begin, size_t *end);

/* Set run, pieces, own and own_free. */
void strategy_spatial_setup(struct strategy *strategy);
void strategy_filter_setup(struct strategy *strategy);

#endif
