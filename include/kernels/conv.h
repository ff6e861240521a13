/*
 * conv: two-dimensional cross-correlation, channel-last.
 *
 *   y[n,p,q,k] = bias[k] + sum_{r,s,c} w[k,r,s,c] x[n, row(p, r), column(q, s), c]
 *
 * x (N, H, W, C), w (K, R, S, C), y (N, P, Q, K). kernels/window.h gives the rows and
 * columns, P and Q. With groups, channels and filters are cut into as many ranges; a
 * filter sees the channels of its range: w (K, R, S, C / groups). With one channel and
 * one filter in each group (conv_is_depthwise), w is (R, S, C).
 *
 * kernels/conv_algorithm.h has the ways to compute it. Every member of the team calls
 * with the same arguments; each function ends with a barrier.
 */
#ifndef LOCKSTEP_KERNELS_CONV_H
#define LOCKSTEP_KERNELS_CONV_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/team.h"
#include "kernels/window.h"

struct conv_shape {
    int n, h, w, c;     /* x */
    int k;              /* filters */
    struct window r, s; /* their taps, along the rows and along the columns */
    int groups;         /* 0 is 1 */
    int p, q;           /* y; set by conv_shape_complete */
};

static inline int conv_groups(const struct conv_shape *shape)
{
    return shape->groups > 1 ? shape->groups : 1;
}

static inline bool conv_is_depthwise(const struct conv_shape *shape)
{
    return conv_groups(shape) > 1 && shape->groups == shape->c && shape->c == shape->k;
}

/* Sets p and q. */
void conv_shape_complete(struct conv_shape *shape);

/* Weights of one filter. */
static inline size_t conv_taps(const struct conv_shape *shape)
{
    return (size_t)shape->r.size * (size_t)shape->s.size *
           (size_t)(shape->c / conv_groups(shape));
}

/* The splits that the algorithms support, for the passes of a layer. */
struct split_sets conv_splits(const struct conv_shape *shape);

/* dbias[k] = sum over n, p, q of dy[n,p,q,k]. */
void conv_backward_bias(const struct team *team, const struct conv_shape *shape,
                        float *dbias, const float *dy);

#endif
