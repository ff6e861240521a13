/*
 * conv_direct: convolution without im2col and BLAS, for patches with few taps. Arguments
 * as in kernels/conv.h; conv_direct_backward_weight does not end with a barrier.
 */
#ifndef LOCKSTEP_KERNELS_CONV_DIRECT_H
#define LOCKSTEP_KERNELS_CONV_DIRECT_H

#include <stdbool.h>

#include "kernels/conv.h"

#define CONV_DIRECT_CHANNELS 16 /* the smallest share of output channels */

/* Is it faster than im2col and sgemm? Depends on the shape alone. */
bool conv_direct_applies(const struct conv_shape *shape);
size_t conv_direct_scratch(const struct conv_shape *shape);

void conv_direct_forward(const struct team *team, const struct conv_shape *shape,
                         float *y, const float *x, const float *weight, const float *bias,
                         void *scratch);
void conv_direct_backward_weight(const struct team *team, const struct conv_shape *shape,
                                 float *dweight, const float *x, const float *dy,
                                 void *scratch);

#endif
