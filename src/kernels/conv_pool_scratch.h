/* conv_pool_scratch: the buffers in scratch, for conv_pool.c and conv_pool_backward.c. */
#ifndef LOCKSTEP_KERNELS_CONV_POOL_SCRATCH_H
#define LOCKSTEP_KERNELS_CONV_POOL_SCRATCH_H

#include "kernels/conv_pool.h"
#include "kernels/kernels.h"

#define CONV_POOL_THIN 4 /* input channels that fill no vector, at most */

/* Forward by F(2x2, 3x3). */
size_t conv_pool_winograd_packed(const struct conv_pool_shape *shape);
void conv_pool_winograd_pack(const struct team *team, const struct conv_pool_shape *shape,
                             float *packed, const float *weight);
size_t conv_pool_winograd_scratch(const struct conv_pool_shape *shape);
void conv_pool_winograd(const struct team *team, const struct conv_pool_shape *shape,
                        const struct conv_pool_result *result, const float *x,
                        const float *packed, const float *bias, void *scratch);

struct conv_pool_buffers {
    float *x, *dx;   /* with borders; only with padding */
    float *thin;     /* dweight (C, 9, K in whole groups); only if C <= CONV_POOL_THIN */
    float *g;        /* (N, P, Q, K): gradient of the maxima; only with slopes */
    float *bias;     /* (K): a gradient that is not wanted */
    int32_t *corner; /* (N, P, Q): offset of each window in x */
};

/* Returns the bytes used. With scratch NULL it only counts them. */
size_t conv_pool_lay_out(const struct conv_pool_shape *shape, void *scratch,
                         struct conv_pool_buffers *b);

/* With padding: copies this member's images of x into frames of zeros. */
void conv_pool_add_borders(const struct team *team, const struct conv_pool_shape *shape,
                           const struct conv_pool_buffers *b, const float *x);

/* x, with borders if there is padding. */
static inline const float *conv_pool_inputs(const struct conv_pool_shape *shape,
                                            const struct conv_pool_buffers *b,
                                            const float *x)
{
    return shape->pad ? b->x : x;
}

/* Groups of KERNELS_GROUP channels, the last one perhaps partly filled. */
static inline int conv_pool_groups(int channels)
{
    return (channels + KERNELS_GROUP - 1) / KERNELS_GROUP;
}

/* Floats of one image with its border. */
static inline size_t conv_pool_padded_size(const struct conv_pool_shape *shape)
{
    return (size_t)(shape->h + 2 * shape->pad) * (size_t)(shape->w + 2 * shape->pad) *
           (size_t)shape->c;
}

static inline size_t conv_pool_output_size(const struct conv_pool_shape *shape)
{
    return (size_t)shape->p * (size_t)shape->q * (size_t)shape->k;
}

#endif
