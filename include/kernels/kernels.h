/*
 * kernels: the table of inner loops, compiled once for each instruction set.
 *
 * src/kernels/simd/ is compiled for plain C and, on x86-64, for the levels v2, v3 and v4;
 * cpu_isa() picks the table once. Each works on one thread's share; splitting is done by
 * conv, linear, pool and activation, at borders where no vector is cut.
 */
#ifndef LOCKSTEP_KERNELS_KERNELS_H
#define LOCKSTEP_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/conv.h"
#include "kernels/conv_pool.h"
#include "kernels/cpu.h"
#include "kernels/linear.h"
#include "kernels/pool.h"
#include "kernels/update.h"

#define KERNELS_PANEL 32 /* output channels of one direct convolution panel */

#define KERNELS_GROUP 16 /* channels that conv_pool packs together: the widest vector */

/* A contiguous range of something. */
struct span {
    int begin, end;
};

/* A stretch of images that conv_pool's backward treats together. */
struct conv_pool_block {
    int windows;           /* of all its images */
    const float *x;        /* with borders; dx is laid out alike */
    const int32_t *corner; /* (windows): where each begins in x */
    const float *g;        /* (windows, K): gradient at the maxima */
    const uint8_t *argmax; /* (windows, K) */
};

struct kernels {
    void (*relu_forward)(float *y, const float *x, size_t n);
    void (*relu_backward)(float *dx, const float *dy, const float *y, size_t n);
    void (*gelu_forward)(float *y, float *slope, const float *x, size_t n);
    void (*gelu_backward)(float *dx, const float *dy, const float *slope, size_t n);
    void (*dropout_apply)(float *y, const float *x, const uint8_t *keep, float scale,
                          size_t n);
    void (*logsoftmax_forward)(float *y, const float *x, int rows, int classes);
    void (*logsoftmax_backward)(float *dx, const float *dy, const float *y, int rows,
                                int classes);

    /* One image, some output rows, some of its channels. Backward writes the rows of dx
       from the first window's to the next one's; where windows overlap, all rows are to
       be asked for at once. */
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

    /* Output rows [begin, end) of the N*P rows of all images; col (rows * Q, R*S*C)
       starts at row `begin`. */
    void (*im2col)(const struct conv_shape *shape, struct span rows, float *col,
                   const float *x);
    /* Adds col (rows * Q, R*S*C) into channels of dx; an image is zeroed at its row 0. */
    void (*col2im)(const struct conv_shape *shape, struct span rows, struct span channels,
                   float *dx, const float *col);

    /* Products of few images (linear.h): some features of the result, those of x in
       linear_data, of y otherwise. */
    void (*linear_forward)(const struct linear_shape *shape, struct span features,
                           float *y, const float *x, const float *weight,
                           const float *bias);
    void (*linear_weight)(const struct linear_shape *shape, struct span features,
                          float *dweight, const float *dy, const float *x);
    void (*linear_data)(const struct linear_shape *shape, struct span features, float *dx,
                        const float *dy, const float *weight);

    /* y[i, 0..columns) = bias for i < rows, distance ld. */
    void (*fill_rows)(float *y, const float *bias, int rows, int columns, int ld);
    /* sum[j] = sum of x[i, j] over i < rows, j < columns, distance ld. */
    void (*sum_rows)(float *sum, const float *x, int rows, int columns, int ld);

    /* Convolution of framed images (pad 0) with one panel of output channels, at most
       KERNELS_PANEL: some of the N*P output rows. weight (R*S*C, KERNELS_PANEL) and bias
       (KERNELS_PANEL) are the panel's, zero-filled; y is at its first channel. */
    void (*direct_forward)(const struct conv_shape *shape, struct span rows, int channels,
                           float *y, const float *x, const float *weight,
                           const float *bias);
    /* Some rows of a panel's dweight (R*S*C, KERNELS_PANEL) += one sum over the pixels of
       all images. */
    void (*direct_backward_weight)(const struct conv_shape *shape, int channels,
                                   struct span taps, float *dweight, const float *x,
                                   const float *dy);

    /* One image, some output rows, some filters; conv_pool.c and conv_pool_backward.c
       pack the weights: forward (groups of K, 9 C, GROUP), data (groups of C, K, 9,
       GROUP). */
    void (*conv_pool_forward)(const struct conv_pool_shape *shape, struct span rows,
                              struct span channels, const struct conv_pool_result *result,
                              const float *x, const float *weight, const float *bias);
    /* Some filters' dweight, for some input channels (from a multiple of GROUP on), +=
       the sums over a block; and dbias, with the first input channel. */
    void (*conv_pool_weight)(const struct conv_pool_shape *shape, struct span channels,
                             struct span inputs, float *dweight, float *dbias,
                             const struct conv_pool_block *block);
    /* The same for few input channels; sum is (C, 9, K rounded up to whole groups). */
    void (*conv_pool_weight_thin)(const struct conv_pool_shape *shape,
                                  struct span channels, float *sum, float *dbias,
                                  const struct conv_pool_block *block);
    /* Some input channels, from a multiple of GROUP on, of dx. */
    void (*conv_pool_data)(const struct conv_pool_shape *shape, struct span inputs,
                           float *dx, const float *weight,
                           const struct conv_pool_block *block);

    /* Elements [begin, end) of the flat vectors (update.h). */
    void (*update_sgd)(const struct update_factors *factors,
                       const struct update_vectors *vectors, size_t begin, size_t end);
    void (*update_adamw)(const struct update_factors *factors,
                         const struct update_vectors *vectors, size_t begin, size_t end);
    /* Sum of squares, the same bits in every instruction set. */
    double (*square_sum)(const float *x, size_t n);
};

/* The table in use: that for cpu_isa(), unless kernels_select chose another. */
const struct kernels *kernels(void);

/* Use the table of one instruction set, which the machine must have; false when it was
   not compiled. For tests and measurements. */
bool kernels_select(enum cpu_isa isa);

#endif
