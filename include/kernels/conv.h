/*
 * conv: two-dimensional cross-correlation, channel-last.
 *
 *   y[n,p,q,k] = bias[k] + sum_{r,s,c} w[k,r,s,c] x[n, p*stride+r-pad, q*stride+s-pad, c]
 *
 * x (N, H, W, C), w (K, R, S, C), y (N, P, Q, K) with P = (H + 2 pad - R) / stride + 1.
 * Large patches go through im2col and sgemm in blocks of output rows, small ones (the
 * first layer's) through a direct kernel. Which, and in what blocks, depends on the shape
 * alone.
 *
 * Every member of the team calls with the same arguments; each function ends with a
 * barrier. scratch: conv_scratch bytes, aligned to 64, shared by the team.
 */
#ifndef LOCKSTEP_KERNELS_CONV_H
#define LOCKSTEP_KERNELS_CONV_H

#include <stddef.h>

#include "kernels/team.h"

struct conv_shape {
    int n, h, w, c; /* x */
    int k, r, s;    /* filters */
    int stride, pad;
    int p, q; /* conv_shape_complete works them out */
};

/* Sets p and q. */
void conv_shape_complete(struct conv_shape *shape);

/* What a team may share. Spatial means rows of all images, one behind
   the other. Backward's weight gradient is shared by filters (channel) or by pairs of
   filters and taps (filter). */
struct split_sets conv_splits(const struct conv_shape *shape);

size_t conv_scratch(const struct conv_shape *shape);

void conv_forward(const struct team *team, const struct conv_shape *shape, float *y,
                  const float *x, const float *weight, const float *bias, void *scratch);

/* dweight (K, R, S, C) and dbias (K) are written, not added to. */
void conv_backward_weight(const struct team *team, const struct conv_shape *shape,
                          float *dweight, float *dbias, const float *x, const float *dy,
                          void *scratch);

void conv_backward_data(const struct team *team, const struct conv_shape *shape,
                        float *dx, const float *dy, const float *weight, void *scratch);

#endif
