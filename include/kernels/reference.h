/*
 * reference: every kernel a second time, written as its formula. For tests only.
 *
 * Plain loops over the definition with sums in double, without BLAS, threads or blocking.
 * They specify the kernels, and the tests compare with them. Arguments as in conv.h,
 * linear.h, pool.h and activation.h, without team and scratch.
 */
#ifndef LOCKSTEP_KERNELS_REFERENCE_H
#define LOCKSTEP_KERNELS_REFERENCE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/batchnorm.h"
#include "kernels/conv.h"
#include "kernels/linear.h"
#include "kernels/pool.h"

void reference_conv_forward(const struct conv_shape *shape, float *y, const float *x,
                            const float *weight, const float *bias);
void reference_conv_backward_weight(const struct conv_shape *shape, float *dweight,
                                    float *dbias, const float *x, const float *dy);
void reference_conv_backward_data(const struct conv_shape *shape, float *dx,
                                  const float *dy, const float *weight);

void reference_linear_forward(const struct linear_shape *shape, float *y, const float *x,
                              const float *weight, const float *bias);
void reference_linear_backward_weight(const struct linear_shape *shape, float *dweight,
                                      float *dbias, const float *x, const float *dy);
void reference_linear_backward_data(const struct linear_shape *shape, float *dx,
                                    const float *dy, const float *weight);

void reference_maxpool_forward(const struct pool_shape *shape, float *y, uint8_t *argmax,
                               const float *x);
void reference_maxpool_backward(const struct pool_shape *shape, float *dx,
                                const float *dy, const uint8_t *argmax);
void reference_avgpool_forward(const struct pool_shape *shape, float *y, const float *x);
void reference_avgpool_backward(const struct pool_shape *shape, float *dx,
                                const float *dy);

double reference_gelu(double x);
double reference_gelu_slope(double x);

void reference_logsoftmax_forward(float *y, const float *x, int rows, int classes);
void reference_logsoftmax_backward(float *dx, const float *dy, const float *y, int rows,
                                   int classes);

void reference_batchnorm_moments(const struct batchnorm_shape *shape, float *mean,
                                 float *variance, const float *x);
void reference_batchnorm_forward(const struct batchnorm_shape *shape, float *y,
                                 const float *x, const struct batchnorm_by *by);
/* dx, dweight and dbias are wanted. */
void reference_batchnorm_backward(const struct batchnorm_shape *shape,
                                  const struct batchnorm_gradient *gradient,
                                  const struct batchnorm_by *by);

#endif
