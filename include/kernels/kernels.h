/*
 * kernels: the table of inner loops, compiled once for each instruction set.
 *
 * src/kernels/simd/ is compiled for plain C and, on x86-64, for the levels v2, v3 and v4;
 * cpu_isa() chooses the table once. Each loop works on one thread's share. conv, linear,
 * pool and activation divide the work, at borders that cut no vector.
 *
 * Sizes, here and in all headers of kernels: N images, C input channels, K output
 * channels (filters), H x W input, P x Q output, R x S filter or window. The gradient of
 * x is dx.
 */
#ifndef LOCKSTEP_KERNELS_KERNELS_H
#define LOCKSTEP_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/activation.h"
#include "kernels/conv.h"
#include "kernels/conv_pool_kernels.h"
#include "kernels/cpu.h"
#include "kernels/depthwise.h"
#include "kernels/linear.h"
#include "kernels/matrix.h"
#include "kernels/norm_kernels.h"
#include "kernels/pool.h"
#include "kernels/product.h"
#include "kernels/prologue.h"
#include "kernels/update.h"
#include "kernels/winograd.h"

#define KERNELS_GROUP 16 /* channels that conv_pool packs as one: the widest vector */

struct kernels {
    void (*relu_forward)(float *y, const float *x, size_t n);
    void (*relu_backward)(float *dx, const float *dy, const float *y, size_t n);
    void (*gelu_forward)(float *y, float *slope, const float *x, size_t n);
    void (*gelu_backward)(float *dx, const float *dy, const float *slope, size_t n);
    void (*activate)(enum activation kind, float *y, float *slope, const float *x,
                     size_t n);
    void (*activate_back)(enum activation kind, float *dx, const float *dy,
                          const float *from, size_t n);
    /* As activation_backward_sum, of one image: (pixels, channels). */
    void (*activate_back_sum)(enum activation kind, float *sum, float *dy, const float *y,
                              const struct matrix *m);
    void (*dropout_apply)(float *y, const float *x, const uint8_t *keep, float scale,
                          size_t n);
    void (*logsigmoid_forward)(float *y, const float *x, size_t n);
    void (*logsoftmax_forward)(float *y, const float *x, int rows, int classes);
    void (*logsoftmax_backward)(float *dx, const float *dy, const float *y, int rows,
                                int classes);

    /* y = a + b and a b, element by element (combine.h); y may be a or b. */
    void (*add)(float *y, const float *a, const float *b, size_t n);
    void (*multiply)(float *y, const float *a, const float *b, size_t n);
    /* y[i, j] = x[i, j] scale[j]; sum[j] = sum over i of a[i, j] b[i, j]. */
    void (*scale_rows)(float *y, const float *x, const float *scale,
                       const struct matrix *m);
    void (*sum_products)(float *sum, const float *a, const float *b,
                         const struct matrix *m);
    struct norm_kernels norm;

    /* depthwise.h. One image, some rows of the result, some channels; all images. */
    void (*depthwise_forward)(const struct conv_shape *shape, struct span rows,
                              struct span channels, float *y, const float *x,
                              const struct depthwise_by *by);
    void (*depthwise_data)(const struct conv_shape *shape, struct span rows,
                           struct span channels, float *dx, const float *dy,
                           const float *weight);
    /* Adds to dweight. */
    void (*depthwise_weight)(const struct conv_shape *shape, struct span channels,
                             float *dweight, const float *x, const float *dy);

    /* simd/pool.c: one image, some output rows, some channels. */
    void (*maxpool_forward)(const struct pool_shape *shape, struct span rows,
                            struct span channels, float *y, uint8_t *argmax,
                            const float *x);
    void (*maxpool_backward)(const struct pool_shape *shape, struct span rows,
                             struct span channels, float *dx, const float *dy,
                             const uint8_t *argmax);
    void (*avgpool_forward)(const struct pool_shape *shape, struct span rows,
                            struct span channels, float *y, const float *x);
    void (*avgpool_backward)(const struct pool_shape *shape, struct span rows,
                             struct span channels, float *dx, const float *dy);

    /* simd/patch.c: patches to rows of a matrix, and added back. */
    void (*im2col)(const struct conv_shape *shape, struct span rows, struct span channels,
                   float *col, const float *x);
    void (*col2im)(const struct conv_shape *shape, struct span rows, struct span inputs,
                   struct span channels, float *dx, const float *col);

    /* linear.h: some features, in linear_data those of x, else those of y. */
    void (*linear_forward)(const struct linear_shape *shape, struct span features,
                           float *y, const float *x, const float *weight,
                           const float *bias);
    void (*linear_weight)(const struct linear_shape *shape, struct span features,
                          float *dweight, const float *dy, const float *x);
    void (*linear_data)(const struct linear_shape *shape, struct span features, float *dx,
                        const float *dy, const float *weight);

    /* y[i, j] = bias[j], NULL: 0; sum[j] = sum over i < rows of x[i, j], j < columns. */
    void (*fill_rows)(float *y, const float *bias, int rows, int columns, int ld);
    void (*sum_rows)(float *sum, const float *x, int rows, int columns, int ld);

    /* The micro-kernels of product.h: one panel. In a weight product `taps` is 1. */
    void (*product_forward)(const struct product_rows *a, const float *b,
                            const struct product_result *y);
    void (*product_weight)(const struct product_rows *a, const struct product_gradient *y,
                           float *g);
    /* A copy of a matrix of pixels and channels, by prologue.h. */
    void (*prologue_copy)(float *to, const float *from, const struct matrix *m,
                          const struct prologue *prologue);
    /* The transforms of winograd.h, for tiles of 2 x 2 and of 4 x 4. */
    const struct winograd_transforms *winograd[WINOGRAD_SIZES];
    const struct conv_pool_kernels *conv_pool; /* conv_pool.h */

    UPDATE_KERNEL(update_average); /* update.h */
    UPDATE_KERNEL(update_sgd);
    UPDATE_KERNEL(update_adamw);
    UPDATE_KERNEL(update_lamb_moments);
    UPDATE_KERNEL(update_lamb);
    UPDATE_KERNEL(update_lookahead);
    double (*square_sum)(const float *x, size_t n);
};

/* The table in use: that of cpu_isa(), unless kernels_select chose another. */
const struct kernels *kernels(void);

/* Use the table of one instruction set, which the machine must have. False: it was not
   compiled. For tests and measurements. */
bool kernels_select(enum cpu_isa isa);

#endif
