/*
 * conv_winograd: the algorithms "winograd2" and "winograd4" of kernels/conv_algorithm.h.
 */
#ifndef LOCKSTEP_KERNELS_CONV_WINOGRAD_H
#define LOCKSTEP_KERNELS_CONV_WINOGRAD_H

#include "kernels/conv_algorithm.h"
#include "kernels/product.h"
#include "kernels/winograd.h"

extern const struct conv_algorithm conv_winograd2_forward, conv_winograd4_forward;
extern const struct conv_algorithm conv_winograd2_data, conv_winograd4_data;
extern const struct conv_algorithm conv_winograd2_weight, conv_winograd4_weight;

bool winograd_fits(const struct conv_shape *shape);

/* A convolution 3x3 with stride 1, or its input gradient, as products of tiles. Their
   buffers are V and M of one block of tiles. */
struct winograd {
    int m, frequencies;
    const struct winograd_transforms *transforms;
    struct winograd_side in, out; /* x and y, or dy and dx */
    struct filter_view filters;   /* in (K, 3, 3, C) */
    int tiles;                    /* of all images */
    int block;                    /* tiles of a block */
    ptrdiff_t u_plane;            /* floats of U from frequency to frequency */
};

void winograd_init(struct winograd *w, const struct conv_shape *shape,
                   enum conv_pass pass, enum winograd_size size);

/* FLOPs of the products for one image. */
double winograd_work(const struct conv_shape *shape, enum conv_pass pass,
                     enum winograd_size size);

struct winograd_buffers {
    ptrdiff_t *v_at, *m_at; /* (block): offsets of the tiles' rows */
    float *v, *m;
};
/* Returns the bytes; with scratch NULL it only counts them. */
size_t winograd_lay_out(const struct winograd *w, void *scratch,
                        struct winograd_buffers *b);
/* Fills v_at and m_at: for one member of the team that shares the buffers. */
void winograd_set_offsets(const struct winograd *w, const struct winograd_buffers *b);

/* U: its floats, and making it; pack ends with a barrier. */
size_t winograd_packed(const struct conv_shape *shape, enum conv_pass pass,
                       enum winograd_size size);
void winograd_pack(const struct team *team, const struct conv_shape *shape, float *u,
                   const float *weight, enum conv_pass pass, enum winograd_size size);

/* M of one frequency, one panel of output channels and the first `tiles` of a block. */
void winograd_product(const struct winograd *w, const struct winograd_buffers *b, int f,
                      int panel, int tiles, const float *u);

/* The same member's tiles of the next block; none from `end` on. */
struct span winograd_next(const struct winograd *w, struct span tiles, int end);

/* Asks for one of `parts` parts of the pixels of some tiles, between products: the
   transforms, which come next, would wait for each of them. */
void winograd_fetch(const struct winograd_side *side, int m, struct span tiles,
                    const float *images, int part, int parts);

#endif
