/*
 * conv_lattice: a convolution as a correlation whose results lie on a lattice of pixels.
 *
 * Forward is one; so is each class of the input gradient, the pixels of dx with the same
 * remainders by the strides: only every stride-th tap of a filter meets them, and dy is
 * read with stride 1. Along each axis
 *
 *   result i, at pixel out_first + out_step i   reads pixels first + step i + t, 0 <= t <
 * taps
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
    int step, taps, first;
    int out_first, out_step;
};

struct lattice {
    int n, ins, outs; /* images, their channels */
    struct lattice_axis row, column;
    struct filter_view filters;      /* in (K, R, S, C) */
    const struct prologue *prologue; /* of the image read; NULL: none */
};

/* One group, no dilation. */
bool lattice_fits(const struct conv_shape *shape);
void lattice_forward(struct lattice *l, const struct conv_shape *shape);
int lattice_classes(const struct conv_shape *shape);
/* One class of dx. Its filters may be empty: then these pixels are 0. */
void lattice_class(struct lattice *l, const struct conv_shape *shape, int class);

/* Patches of some rows of results, as the matrix a of a product. */
struct lattice_patches {
    struct product_rows a;
    const ptrdiff_t *to; /* (a.rows): offsets of the results in the image written */
};

/* Rows of results that lattice_gather takes at once: about `pixels` pixels. */
int lattice_rows(const struct lattice *l, int pixels);
/* Bytes for lattice_gather with up to `rows` rows. */
size_t lattice_scratch(const struct lattice *l, int rows);
/* Finds the patches of some of the n * row.count rows of results. If patches leave the
   image, or there is a prologue, its rows are copied into a frame of zeros. */
void lattice_gather(const struct lattice *l, struct span rows, const float *in,
                    void *scratch, struct lattice_patches *patches);

#endif
