/* conv_pool_scratch: the buffers in scratch, for conv_pool.c and conv_pool_backward.c. */
#ifndef LOCKSTEP_KERNELS_CONV_POOL_SCRATCH_H
#define LOCKSTEP_KERNELS_CONV_POOL_SCRATCH_H

#include <stdbool.h>

#include "kernels/conv_pool_kernels.h"
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

/* Rows and columns of what windows cover of an image with its border; with few input
   channels of all of it. */
struct conv_pool_frame {
    int rows, columns;
    int images; /* that backward copies and goes through together */
};
struct conv_pool_frame conv_pool_frame(const struct conv_pool_shape *shape);

/* Shared by the team. */
struct conv_pool_buffers {
    float *x;        /* with borders; only with padding and where conv_pool_borders */
    float *sum;      /* (groups of C, K, 9, KERNELS_GROUP): the sums of dweight; if
                        C <= CONV_POOL_THIN (C, 9, K in whole groups) */
    float *g;        /* (N, P, Q, K): gradient of the maxima; only with slopes */
    float *bias;     /* (K): a gradient that is not wanted */
    int32_t *corner; /* (N, P, Q): number of each window's pixel in the frames */
};

/* One member's in backward: conv_pool_scratch_member. */
struct conv_pool_member {
    float *frames;   /* (images of a frame, rows, columns, KERNELS_GROUP): x or dx */
    uint64_t *place; /* conv_pool_kernels.find_places */
};
size_t conv_pool_lay_out_member(const struct conv_pool_shape *shape, void *scratch,
                                struct conv_pool_member *m);

/* Returns the bytes used. With scratch NULL it only counts them. */
size_t conv_pool_lay_out(const struct conv_pool_shape *shape, void *scratch,
                         struct conv_pool_buffers *b);

/* Are whole images with their borders read? Winograd's transforms and frames need
   none. */
static inline bool conv_pool_borders(const struct conv_pool_shape *shape)
{
    return shape->pad && (!shape->winograd || shape->c <= CONV_POOL_THIN);
}

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

/* The inner loops of the input gradient, for which the weights are packed. */
static inline const struct conv_pool_kernels *
conv_pool_data_kernels(const struct conv_pool_shape *shape)
{
    const struct conv_pool_kernels *own = kernels()->conv_pool;
    return shape->narrow && own->narrow ? own->narrow : own;
}

/* Floats of one image with its border. */
static inline size_t conv_pool_padded_size(const struct conv_pool_shape *shape)
{
    return (size_t)(shape->h + 2 * shape->pad) * (size_t)(shape->w + 2 * shape->pad) *
           (size_t)shape->c;
}

static inline size_t conv_pool_windows(const struct conv_pool_shape *shape)
{
    return (size_t)shape->p * (size_t)shape->q;
}

static inline size_t conv_pool_output_size(const struct conv_pool_shape *shape)
{
    return conv_pool_windows(shape) * (size_t)shape->k;
}

#endif
