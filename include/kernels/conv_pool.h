/*
 * conv_pool: a fused kernel for convolution 3x3 (stride 1, padding 0 or 1), max-pooling
 * 2x2 (floor) and an activation, which computes only what the pooling uses.
 *
 *   m[n,p,q,k] = max over i,j in {0,1} of bias[k] +
 *                sum_{r,s,c} w[k,r,s,c] x[n, 2p+i+r-pad, 2q+j+s-pad, c]
 *   y = activation(m)
 *
 * Forward does not compute convolution outputs that no pooling window covers, keeps the
 * maximum and its place in registers, and never stores the tensor before the pooling.
 * Backward knows that one of a window's four outputs has a gradient: each (window,
 * channel) needs one patch of weights and one of inputs instead of four.
 *
 * x (N, H, W, C), w (K, 3, 3, C), y (N, P, Q, K) with P = (H + 2 pad - 2) / 2.
 * argmax (N, P, Q, K): 2 i + j of the maximum, the first of equals.
 * slope (N, P, Q, K): the activation's derivative at m; NULL without activation.
 *
 * Values, the same for each instruction set with fused multiply-adds. Forward: one chain
 * from 0 in the order (r, s, c), or with `winograd` for each frequency one in the order c
 * (winograd.h); the bias is added to the maximum. dw: for each (k, r, s, c) one chain
 * from 0 over the windows in the order (n, p, q). dx: for each 64 filters and each window
 * in order, for each of its four places one chain from 0 over the filters whose maximum
 * is there, added to dx.
 *
 * Every member of the team calls with the same arguments; each function ends with a
 * barrier. The bits do not depend on the team. scratch: conv_pool_scratch bytes and
 * conv_pool_scratch_member more for each member, aligned to 64, shared by the team.
 * CONV_POOL_SLACK floats behind the end of x must be readable.
 */
#ifndef LOCKSTEP_KERNELS_CONV_POOL_H
#define LOCKSTEP_KERNELS_CONV_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/policy.h"
#include "kernels/team.h"

#define CONV_POOL_SLACK 32 /* floats: the vectors at the last channels read so far */

enum conv_pool_activation { CONV_POOL_NONE, CONV_POOL_RELU, CONV_POOL_GELU };

struct conv_pool_shape {
    int n, h, w, c; /* x */
    int k;          /* filters */
    int pad;        /* 0 or 1 */
    int activation; /* enum conv_pool_activation */
    bool winograd;  /* forward by F(2x2, 3x3): conv_pool_choose */
    int p, q;       /* y; set by conv_pool_complete */
    bool narrow;    /* half a vector for dx: the weights of 64 filters must fit into the
                       first-level cache; set by conv_pool_complete, changes no bits */
};

void conv_pool_complete(struct conv_pool_shape *shape);
/* Sets winograd: with few input channels its transforms cost as much as they save. */
void conv_pool_choose(struct conv_pool_shape *shape, const struct kernel_policy *policy);

/* The splits that the kernel supports. In backward, the weight gradient is shared by
   pairs of filters and columns of their rows (filter), else by filters; the input
   gradient by input channels (channel, filter), else by images. */
struct split_sets conv_pool_splits(const struct conv_pool_shape *shape);

size_t conv_pool_scratch(const struct conv_pool_shape *shape);
size_t conv_pool_scratch_member(const struct conv_pool_shape *shape);

/* The weights as forward and the input gradient read them: floats, aligned to 64 bytes.
   They belong to the caller, who packs once a step, and serve the instruction set that
   packed them. back NULL: no input gradient is wanted. */
size_t conv_pool_packed(const struct conv_pool_shape *shape);
size_t conv_pool_packed_back(const struct conv_pool_shape *shape);
void conv_pool_pack(const struct team *team, const struct conv_pool_shape *shape,
                    float *packed, float *back, const float *weight);

/* Outputs of forward. In training argmax is given, and slope, if there is an activation;
   otherwise they are NULL. bias NULL is 0. */
struct conv_pool_result {
    float *y;
    uint8_t *argmax;
    float *slope;
};
void conv_pool_forward(const struct team *team, const struct conv_pool_shape *shape,
                       const struct conv_pool_result *result, const float *x,
                       const float *packed, const float *bias, void *scratch);

/* Inputs and outputs of backward. */
struct conv_pool_gradient {
    float *dx;      /* (N, H, W, C), written; NULL: not needed */
    float *dweight; /* (K, 3, 3, C), written */
    float *dbias;   /* (K), written; NULL: not wanted */
    const float *x, *dy, *slope;
    const float *back; /* packed weights; only with dx */
    const uint8_t *argmax;
};
void conv_pool_backward(const struct team *team, const struct conv_pool_shape *shape,
                        const struct conv_pool_gradient *gradient, void *scratch);

#endif
