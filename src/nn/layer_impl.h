/* layer_impl: functions of single layers that other sources of nn use. */
#ifndef LOCKSTEP_NN_LAYER_IMPL_H
#define LOCKSTEP_NN_LAYER_IMPL_H

#include "kernels/activation.h"
#include "nn/layer.h"

struct layer_members;
struct pool_shape;

/* The activation that a layer is; ACTIVATION_NONE: it is another layer. */
enum activation layer_activation(const struct layer *layer);

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

/* A fused op of a convolution, the frozen batchnorm behind it and perhaps an activation,
 *taken in all; NULL if there is none that learns. Otherwise as layer_block_create. */
struct layer *layer_conv_norm_create(struct layer *const *layers, int first, int count,
                                     int *taken);

/* A fused op of a convolution and the relu or relu6 behind it, forward only; NULL if
   there is none whose kernel does both. Otherwise as layer_block_create. */
struct layer *layer_conv_activated_create(struct layer *const *layers, int first,
                                          int count, int *taken);

/* A fused op of a norm and what stands behind it; NULL if there is none. Its members, in
   order, need not follow each other: the op takes the place of the last one, and no layer
   between them has parameters. Otherwise as layer_block_create. */
struct layer *layer_norm_block_create(struct layer *const *layers, int first, int count,
                                      struct layer_members *members);

#endif
