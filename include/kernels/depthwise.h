/*
 * depthwise: a convolution in which every channel has a filter of its own.
 *
 *   y[n,p,q,c] = bias[c] + sum_{r,s} w[r,s,c] x[n, row(p, r), column(q, s), c]
 *
 * x (N, H, W, C), w (R, S, C), y (N, P, Q, C); kernels/window.h gives the rows and
 * columns. The order of sums: an output is a chain of multiply-adds that begins with the
 * bias, taps (r, s) ascending; dx is a chain that begins with 0, the outputs (p, q) that
 * it meets ascending; dweight is a chain for each row of outputs, q ascending, and the
 * chains of all rows (n, p) are added in order. What meets padding is left out.
 *
 * Every member of the team calls with the same arguments; each function ends with a
 * barrier.
 */
#ifndef LOCKSTEP_KERNELS_DEPTHWISE_H
#define LOCKSTEP_KERNELS_DEPTHWISE_H

#include "kernels/activation.h"
#include "kernels/conv.h"

/* The splits that the kernel supports. */
struct split_sets depthwise_splits(const struct conv_shape *shape);

/* What forward computes y with. */
struct depthwise_by {
    const float *weight, *bias; /* bias NULL is 0 */
    enum activation activation; /* NONE, RELU or RELU6 */
};

/* goes_on: dweight is the sum over the images before these. */
void depthwise_forward(const struct team *team, const struct conv_shape *shape, float *y,
                       const float *x, const struct depthwise_by *by);
void depthwise_backward_weight(const struct team *team, const struct conv_shape *shape,
                               float *dweight, const float *x, const float *dy,
                               bool goes_on);
void depthwise_backward_data(const struct team *team, const struct conv_shape *shape,
                             float *dx, const float *dy, const float *weight);

#endif
