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
#include "kernels/pool.h"

#define KERNELS_PANEL 32 /* output channels of one direct convolution panel */

#define KERNELS_GROUP 16 /* channels that conv_pool packs together: the widest vector */

/* A contiguous range of something. */
struct span {
    int begin, end;
};

/* For conv_pool's input gradient: the filters of each window, sorted by the place of
   their maximum, a block of filters at a time. Window i of block b has entries [bound[a],
   bound[a + 1]) for place a, bound = &bound[5 (b windows + i)]. */
struct conv_pool_order {
    int blocks;
    float *g;        /* gradient at the maximum */
    int32_t *filter; /* where its weights begin in the packed panel */
    int32_t *bound;
};

struct kernels {
    /* `rounds` rounds of fused multiply-adds on registers alone; returns the FLOPs done.
       sink keeps the compiler from leaving them out. */
    double (*multiply_add)(long rounds, float *sink);

    void (*relu_forward)(float *y, const float *x, size_t n);
    void (*relu_backward)(float *dx, const float *dy, const float *y, size_t n);
    void (*gelu_forward)(float *y, float *slope, const float *x, size_t n);
    void (*gelu_backward)(float *dx, const float *dy, const float *slope, size_t n);
    void (*dropout_apply)(float *y, const float *x, const uint8_t *keep, float scale,
                          size_t n);
    void (*logsoftmax_forward)(float *y, const float *x, int rows, int classes);
    void (*logsoftmax_backward)(float *dx, const float *dy, const float *y, int rows,
                                int classes);

    /* One image, some of its channels. */
    void (*maxpool_forward)(const struct pool_shape *shape, struct span channels,
                            float *y, uint8_t *argmax, const float *x);
    void (*maxpool_backward)(const struct pool_shape *shape, struct span channels,
                             float *dx, const float *dy, const uint8_t *argmax);
    void (*avgpool_forward)(const struct pool_shape *shape, struct span channels,
                            float *y, const float *x);
    void (*avgpool_backward)(const struct pool_shape *shape, struct span channels,
                             float *dx, const float *dy);

    /* Output rows [begin, end) of the N*P rows of all images; col (rows * Q, R*S*C)
       starts at row `begin`. */
    void (*im2col)(const struct conv_shape *shape, struct span rows, float *col,
                   const float *x);
    /* Adds col (rows * Q, R*S*C) into channels of dx; an image is zeroed at its row 0. */
    void (*col2im)(const struct conv_shape *shape, struct span rows, struct span channels,
                   float *dx, const float *col);

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

    /* One image with its border, some output channels; src/kernels/conv_pool.c packs. */
    void (*conv_pool_forward)(const struct conv_pool_shape *shape, struct span channels,
                              float *y, uint8_t *argmax, float *slope, const float *x,
                              const float *weight, const float *bias);
    void (*conv_pool_weight)(const struct conv_pool_shape *shape, struct span channels,
                             float *dweight, const float *x, const float *g,
                             const int32_t *place, int windows);
    void (*conv_pool_weight_thin)(const struct conv_pool_shape *shape,
                                  struct span channels, float *sum, const float *x,
                                  const float *g, const uint8_t *argmax);
    void (*conv_pool_data)(const struct conv_pool_shape *shape, struct span channels,
                           float *dx, const float *weight,
                           const struct conv_pool_order *order);
};

/* The table in use: that for cpu_isa(), unless kernels_select chose another. */
const struct kernels *kernels(void);

/* Use the table of one instruction set, which the machine must have; false when it was
   not compiled. For tests and measurements. */
bool kernels_select(enum cpu_isa isa);

#endif
