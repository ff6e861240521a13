/* layer_conv: the layers conv and depthwise, for the op that does more behind them. */
#ifndef LOCKSTEP_NN_LAYER_CONV_H
#define LOCKSTEP_NN_LAYER_CONV_H

#include "kernels/conv_algorithm.h"
#include "layer_spec.h"
#include "nn/layer.h"

struct layer_conv_state {
    struct layer layer;
    struct conv_shape shape;
    struct layer_init init;
    const struct conv_algorithm *algorithm[CONV_PASSES];
    int bias;                   /* off or on */
    int frozen;                 /* enum conv_frozen */
    enum activation activation; /* of y; NONE unless a fused op does it */
};

/* Is it a convolution of either kind? */
bool layer_convolves(const struct layer *layer);
/* The relu or relu6 that alone reads layers[i] and is the next layer, so that the op of
   layers[i] can do it; ACTIVATION_NONE: there is none. */
enum activation layer_rectified(struct layer *const *layers, int i, int count);

/* Can the weight gradient go on with other images (struct conv_algorithm)? */
bool conv_weight_goes_on(const struct layer_conv_state *conv);

#endif
