/* conv_pool: what its forward and its backward share. */
#ifndef LOCKSTEP_KERNELS_CONV_POOL_SCRATCH_H
#define LOCKSTEP_KERNELS_CONV_POOL_SCRATCH_H

#include "kernels/conv_pool.h"
#include "kernels/kernels.h"

#define CONV_POOL_THIN 4 /* so few input channels make bad vectors */

/* The parts of scratch. */
struct conv_pool_buffers {
    float *weight;   /* packed for forward, or for dx */
    float *x, *dx;   /* with borders; unused without padding */
    float *thin;     /* dweight (C, 9, K in whole groups) */
    float *g;        /* (N, P, Q, K): gradient at the maxima */
    int32_t *corner; /* (N, P, Q): where each window begins in x */
};

/* Returns the bytes used; with scratch NULL they are only counted. */
size_t conv_pool_lay_out(const struct conv_pool_shape *shape, void *scratch,
                         struct conv_pool_buffers *b);

/* Puts zeros around x, if it needs any. */
void conv_pool_add_borders(const struct team *team, const struct conv_pool_shape *shape,
                           const struct conv_pool_buffers *b, const float *x);

/* x with its borders. */
static inline const float *conv_pool_inputs(const struct conv_pool_shape *shape,
                                            const struct conv_pool_buffers *b,
                                            const float *x)
{
    return shape->pad ? b->x : x;
}

/* Groups of KERNELS_GROUP that hold so many channels. */
static inline int conv_pool_groups(int channels)
{
    return (channels + KERNELS_GROUP - 1) / KERNELS_GROUP;
}

/* Elements of one image with its border. */
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
