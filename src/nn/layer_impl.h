/* layer_impl: what the sources of nn know of each other's layers. */
#ifndef LOCKSTEP_NN_LAYER_IMPL_H
#define LOCKSTEP_NN_LAYER_IMPL_H

#include "nn/layer.h"

struct pool_shape;

/* The shape of a maxpool layer; NULL for all others. */
const struct pool_shape *layer_maxpool_shape(const struct layer *layer);

/* One layer that does the work of the first *taken of layers[0 .. count), which must have
   their final offsets; NULL if they are no such group. Free with free(). Its name is that
   of the first. */
struct layer *layer_block_create(struct layer *const *layers, int count, int *taken);

#endif
