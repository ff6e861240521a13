/*
 * conv_gemm: convolution by im2col and sgemm, for any shape. Arguments as in
 * kernels/conv.h; conv_gemm_backward_weight does not end with a barrier.
 */
#ifndef LOCKSTEP_KERNELS_CONV_GEMM_H
#define LOCKSTEP_KERNELS_CONV_GEMM_H

#include "kernels/conv.h"

#define CONV_GEMM_PANEL 64 /* output channels of a product */

size_t conv_gemm_scratch(const struct conv_shape *shape);

void conv_gemm_forward(const struct team *team, const struct conv_shape *shape, float *y,
                       const float *x, const float *weight, const float *bias,
                       void *scratch);
void conv_gemm_backward_weight(const struct team *team, const struct conv_shape *shape,
                               float *dweight, const float *x, const float *dy,
                               void *scratch);
void conv_gemm_backward_data(const struct team *team, const struct conv_shape *shape,
                             float *dx, const float *dy, const float *weight,
                             void *scratch);

#endif
