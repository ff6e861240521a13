/*
 * conv_lattice: one group of a convolution as a correlation whose results lie on a
 * lattice of pixels.
 *
 * Forward is one; so is each class of the input gradient, the pixels of dx with the same
 * remainders by the strides: only some taps of a filter meet them, at a constant
 * distance, and dy is read with stride 1. Along each axis
 *
 *   result i, at pixel out_first + out_step i,
 *   reads pixels first + step i + dilation t, 0 <= t < taps
 *
 * where pixels outside of the image are 0.
 */
#ifndef LOCKSTEP_KERNELS_CONV_LATTICE_H
#define LOCKSTEP_KERNELS_CONV_LATTICE_H

#include <stdbool.h>

#include "kernels/conv.h"
#include "kernels/product.h"

struct lattice_axis {
    int inputs, outputs; /* pixels of the images read and written */
    int count;           /* results */
    int step, taps, dilation, first;
    int out_first, out_step;
};

struct lattice {
    int n, groups;
    int ins, outs; /* channels of a group */
    int group;
    struct lattice_axis row, column;
    struct filter_view filters;      /* of the group, in (K, R, S, C / groups) */
    const struct prologue *prologue; /* of the image read, all channels; NULL: none */
};

/* All but depthwise. */
bool lattice_fits(const struct conv_shape *shape);
/* The first group. */
void lattice_forward(struct lattice *l, const struct conv_shape *shape);
int lattice_classes(const struct conv_shape *shape);
/* The first group of one class of dx. Its filters may be empty: then its pixels are 0. */
void lattice_class(struct lattice *l, const struct conv_shape *shape, int class);
void lattice_set_group(struct lattice *l, int group);

/* Filters packed as panels: all groups. */
size_t lattice_packed(const struct lattice *l);
void lattice_pack(const struct team *team, const struct lattice *l, float *packed,
                  const float *weight);

/* Patches of some rows of results, as the matrix a of a product. */
struct lattice_patches {
    struct product_rows a;
    const ptrdiff_t
        *to; /* (a.rows): offsets of the group's results in the image written */
};

/* Rows of results that lattice_gather takes at once: about `pixels` pixels. */
int lattice_rows(const struct lattice *l, int pixels);
/* Bytes for lattice_gather with up to `rows` rows. */
size_t lattice_scratch(const struct lattice *l, int rows);
/* Finds the patches of some of the n * row.count rows of results. If patches leave the
   image or a row of theirs does not lie in one piece, or there is a prologue, the image's
   rows are copied into a frame of zeros. */
void lattice_gather(const struct lattice *l, struct span rows, const float *in,
                    void *scratch, struct lattice_patches *patches);

#endif
