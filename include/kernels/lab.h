/*
 * lab: kernels that only measurements run. Training uses none of them.
 *
 * Two yardsticks of the machine; a convolution in three layouts of memory; convolutions
 * of pieces that a strategy cuts.
 */
#ifndef LOCKSTEP_KERNELS_LAB_H
#define LOCKSTEP_KERNELS_LAB_H

#include <stddef.h>

#include "kernels/conv.h"

/* Compiled once for each instruction set, as struct kernels. */
struct lab_kernels {
    /* `rounds` rounds of fused multiply-adds on registers alone; returns the FLOPs done.
       sink keeps the compiler from leaving them out. */
    double (*multiply_add)(long rounds, float *sink);
    /* a = b + s c: three streams of memory. */
    void (*triad)(float *a, const float *b, const float *c, float s, size_t n);

    /*
     * One convolution (stride 1, pad 0, no bias; C and K multiples of 16) in three
     * layouts:
     *
     *   nchw     x (N, C, H, W), y (N, K, P, Q), weight (K, C, R, S)
     *
     *   nhwc     x (N, H, W, C), y (N, P, Q, K), weight (R, S, C, K)
     *
     *   blocked  x (N, C/16, H, W, 16), y (N, K/16, P, Q, 16),
     *            weight (K/16, C/16, R, S, 16 of C, 16 of K)
     */
    void (*layout_nchw)(const struct conv_shape *shape, float *y, const float *x,
                        const float *weight);
    void (*layout_nhwc)(const struct conv_shape *shape, float *y, const float *x,
                        const float *weight);
    void (*layout_blocked)(const struct conv_shape *shape, float *y, const float *x,
                           const float *weight);
};

/* The table for the instruction set in use (kernels/kernels.h). */
const struct lab_kernels *lab_kernels(void);

/* The passes with weights of a single call, which are packed first. conv_scratch: bytes
   for all passes by a team of `members`. bias NULL is 0; dbias NULL is not wanted; dx,
   dweight, dbias are written, not added to. */
size_t conv_scratch(const struct conv_shape *shape, int members);
void conv_forward(const struct team *team, const struct conv_shape *shape, float *y,
                  const float *x, const float *weight, const float *bias, void *scratch);
void conv_backward_weight(const struct team *team, const struct conv_shape *shape,
                          float *dweight, float *dbias, const float *x, const float *dy,
                          void *scratch);
void conv_backward_data(const struct team *team, const struct conv_shape *shape,
                        float *dx, const float *dy, const float *weight, void *scratch);

#endif
