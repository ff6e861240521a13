/*
 * layer_shape: what a layer's kernels take, and shapes as text.
 */
#ifndef LOCKSTEP_NN_LAYER_SHAPE_H
#define LOCKSTEP_NN_LAYER_SHAPE_H

#include "base/shape.h"

struct layer;
struct conv_shape;
struct groupnorm_shape;
struct pool_shape;

/* The shape of a conv or depthwise layer, of a pool, or of a groupnorm, for a full grain;
   NULL for all other layers. */
const struct conv_shape *layer_conv_shape(const struct layer *layer);
const struct pool_shape *layer_pool_shape(const struct layer *layer);
const struct groupnorm_shape *layer_groupnorm_shape(const struct layer *layer);

/* The factor of a layer scale; 1 for all others. */
float layer_scale_factor(const struct layer *layer);

/* "13x13x32", or "128" for a flat vector; the caller frees. */
char *layer_shape_text(struct shape shape);

#endif
