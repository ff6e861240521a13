/* layer_impl: what the sources of nn know of each other's layers. */
#ifndef LOCKSTEP_NN_LAYER_IMPL_H
#define LOCKSTEP_NN_LAYER_IMPL_H

#include "nn/layer.h"

struct conv_shape;
struct pool_shape;

/* The shape of a conv layer, of a maxpool layer, of any pool; NULL for all others. */
const struct conv_shape *layer_conv_shape(const struct layer *layer);
const struct pool_shape *layer_pool_shape(const struct layer *layer);
const struct pool_shape *layer_maxpool_shape(const struct layer *layer);

/* One layer that does the work of the first *taken of layers[0 .. count), which must have
   their final offsets; NULL if they are no such group. Free with free(). Its name is that
   of the first. */
struct layer *layer_block_create(struct layer *const *layers, int count, int *taken);

#endif
