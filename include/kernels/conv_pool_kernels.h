/*
 * conv_pool_kernels: the inner loops of conv_pool.h, which kernels.h has for each
 * instruction set.
 */
#ifndef LOCKSTEP_KERNELS_CONV_POOL_KERNELS_H
#define LOCKSTEP_KERNELS_CONV_POOL_KERNELS_H

#include "kernels/conv_pool.h"
#include "kernels/matrix.h"
#include "kernels/winograd.h"

/* Some consecutive windows that backward processes together. Backward copies images into
   frames, KERNELS_GROUP channels at a time: (images, rows, columns, KERNELS_GROUP), the
   border and the pixels that windows cover. So the pixels of a patch are close together,
   whatever C is, and do not compete for the same sets of a cache. */
struct conv_pool_block {
    int windows;
    int columns;           /* pixels of a row of a frame */
    const int32_t *corner; /* (windows): number of the pixel of each in the frames */
    const float *g;        /* (windows, K): gradient of the maxima */
    const uint8_t *argmax; /* (windows, K) */
};

#define CONV_POOL_TAPS    9
#define CONV_POOL_WINDOWS 64 /* of a block for the weight gradient, at most */
#define CONV_POOL_FILTERS 64 /* whose sum is added to dx at once */

struct conv_pool_kernels {
    int vector; /* floats of a vector, in which input channels are packed for data */
    /* One image, some output rows, some filters; weight (groups of K, 9 C,
       KERNELS_GROUP). */
    void (*direct)(const struct conv_pool_shape *shape, struct span rows,
                   struct span channels, const struct conv_pool_result *result,
                   const float *x, const float *weight, const float *bias);
    /* Some windows of all images from their M (winograd.h), which begins at the first. */
    void (*finish)(const struct conv_pool_shape *shape, const struct winograd_side *side,
                   struct span windows, const struct conv_pool_result *result,
                   const float *m, const float *bias);
    /* Adds a block's sums to dbias of some filters. */
    void (*bias)(const struct conv_pool_shape *shape, struct span filters, float *dbias,
                 const struct conv_pool_block *block);
    /* Adds a block's sums to the weight gradient of some filters, which begin at a
       multiple of KERNELS_GROUP, for the first `lanes` channels of the frames x; sum
       (K, 9, KERNELS_GROUP). */
    void (*weight)(const struct conv_pool_shape *shape, struct span filters, int lanes,
                   float *sum, const float *x, const struct conv_pool_block *block);
    /* The same for few input channels: x (pixels, C); sum (C, 9, K rounded up to whole
       groups). */
    void (*weight_thin)(const struct conv_pool_shape *shape, struct span filters,
                        float *sum, const float *x, const struct conv_pool_block *block);
    /* place (windows, K / 64 rounded up, 4): which of 64 filters have their maximum at
       each of the four places, a bit for each. */
    void (*find_places)(const struct conv_pool_shape *shape, uint64_t *place,
                        const struct conv_pool_block *block);
    /* Adds a block to the first `lanes` channels of the frames dx; weight (vectors of C,
       K, 9, vector), from those channels on. */
    void (*data)(const struct conv_pool_shape *shape, int lanes, float *dx,
                 const float *weight, const uint64_t *place,
                 const struct conv_pool_block *block);
    /* Copies `lanes` channels of some consecutive pixels of C channels to pixels of
       KERNELS_GROUP channels, the others 0; and back. */
    void (*gather)(float *to, const float *from, int pixels, int c, int lanes);
    void (*scatter)(float *to, const float *from, int pixels, int c, int lanes);
    const struct conv_pool_kernels *narrow; /* with vectors of half the length, or NULL */
};

#endif
