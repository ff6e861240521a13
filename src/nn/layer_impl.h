/* layer_impl: what the sources of nn know of each other's layers. */
#ifndef LOCKSTEP_NN_LAYER_IMPL_H
#define LOCKSTEP_NN_LAYER_IMPL_H

#include "nn/layer.h"

struct conv_shape;
struct pool_shape;

/* The shape of a conv or maxpool layer; NULL for any other. */
const struct conv_shape *layer_conv_shape(const struct layer *layer);
const struct pool_shape *layer_maxpool_shape(const struct layer *layer);

/* One layer that does the work of the first *taken of layers[0 .. count), which must have
   their final offsets; NULL if they are no such group. Free with free(). Its name is that
   of the first. */
struct layer *layer_block_create(struct layer *const *layers, int count, int *taken);

#endif
