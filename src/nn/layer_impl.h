/* layer_impl: functions of single layers that other sources of nn use. */
#ifndef LOCKSTEP_NN_LAYER_IMPL_H
#define LOCKSTEP_NN_LAYER_IMPL_H

#include "nn/layer.h"

struct pool_shape;

/* The shape of a maxpool layer; NULL for all others. */
const struct pool_shape *layer_maxpool_shape(const struct layer *layer);

/* Is it a convolution whose weights are whitened (nn/whiten.h)? */
bool layer_conv_whitens(const struct layer *layer);

/* A fused op that does the work of layers[first] and the layers behind it, *taken in all,
   under the name of the first; NULL if there is none. It reads what the first reads; the
   output of a layer inside it has one reader, the next layer. The layers (count) have
   their final offsets. Free with free(). */
struct layer *layer_block_create(struct layer *const *layers, int first, int count,
                                 int *taken);

#endif
