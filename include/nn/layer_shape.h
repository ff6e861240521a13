/*
 * layer_shape: the shapes that a layer's kernels take, and shapes as text.
 */
#ifndef LOCKSTEP_NN_LAYER_SHAPE_H
#define LOCKSTEP_NN_LAYER_SHAPE_H

#include "base/shape.h"

struct layer;
struct conv_shape;
struct pool_shape;

/* Of a conv or depthwise layer, or of a pool, for a full grain; NULL for all others. */
const struct conv_shape *layer_conv_shape(const struct layer *layer);
const struct pool_shape *layer_pool_shape(const struct layer *layer);

/* "13x13x32", or "128" for a flat vector; the caller frees. */
char *layer_shape_text(struct shape shape);

#endif
