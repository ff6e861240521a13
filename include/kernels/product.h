/*
 * product: the two matrix products from which every convolution is made.
 *
 *   forward   y[m, k] = start[m, k] + sum over j of a[m, j] b[j, k]
 *   weight    g[j, k] = sum over m of a[m, j] y[m, k]
 *
 * m counts pixels (or tiles), j the taps of a patch with their input channels, k output
 * channels. Row m of a is read where it lies, in `taps` pieces of `depth` floats:
 *
 *   a[m, t depth + d] = from[at[m] + t step + d]
 *
 * so a patch of an image needs no copy: a piece is a row of the patch. Row m of y begins
 * at at[m] of its own array and holds `columns` <= PRODUCT_PANEL floats. b and g are
 * panels (j, PRODUCT_PANEL), aligned to 64 bytes; columns of b beyond y's are read and
 * may hold anything, those of g are written and hold nothing of use.
 *
 * The value of each result is one chain of fused multiply-adds, whatever the instruction
 * set and the blocking:
 *
 *   y: from its start, with j ascending. A caller that cuts j into pieces goes on from y.
 *
 *   g: from 0, with m ascending over the rows of one call, then added to what g held.
 *
 * The micro-kernel keeps PRODUCT_ROWS x (1 to 4 vectors) of sums in registers, as in K.
 * Goto and R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS
 * 34 (2008).
 */
#ifndef LOCKSTEP_KERNELS_PRODUCT_H
#define LOCKSTEP_KERNELS_PRODUCT_H

#include <stddef.h>

#include "kernels/activation.h"
#include "kernels/matrix.h"
#include "kernels/team.h"

#define PRODUCT_PANEL 64 /* output channels of a panel */
#define PRODUCT_ROWS  6  /* rows of a tile of sums */

/* The matrix a. */
struct product_rows {
    const float *from;
    const ptrdiff_t *at; /* (rows) */
    int rows;
    int taps, depth;
    ptrdiff_t step;
};

enum product_start {
    PRODUCT_ZERO,
    PRODUCT_BIAS, /* bias[k] */
    PRODUCT_GO_ON /* what y holds */
};

/* The matrix y of a forward product. */
struct product_result {
    float *to;
    const ptrdiff_t *at; /* (rows) */
    int columns;
    enum product_start start;
    const float *bias;          /* (columns); for PRODUCT_BIAS */
    enum activation activation; /* of the sums, at the end: NONE, RELU or RELU6 */
};

/* The matrix y of a weight product, and whether g holds a sum already. */
struct product_gradient {
    const float *from;
    const ptrdiff_t *at; /* (rows) */
    int columns;
    enum product_start start; /* PRODUCT_ZERO or PRODUCT_GO_ON */
};

/* Filters of a convolution as a four-dimensional array with any strides, in floats from
   `first`; `in` or `out` is 1. The same packing serves forward, and the input gradient
   with its rotated filters. */
struct filter_view {
    int outs, rows, columns, ins;
    ptrdiff_t first, out, row, column, in;
};

/* Panels of a view, and floats of all of them: (panels, rows, columns, ins,
   PRODUCT_PANEL). */
int product_panels(const struct filter_view *view);
size_t product_packed(const struct filter_view *view);
/* This member's part of the panels; the columns of the last one are filled with zeros. */
void product_pack(const struct team *team, const struct filter_view *view, float *packed,
                  const float *weight);
/* For some rows j of one panel (rows columns ins, PRODUCT_PANEL), if `in` is 1: unpack
   writes them to the weights, repack from the weights. */
void product_unpack(const struct filter_view *view, int panel, struct span j,
                    float *weight, float *g);
void product_repack(const struct filter_view *view, int panel, struct span j,
                    float *weight, float *g);

/* y for one panel b, in pieces of j that stay in a core's first-level cache. */
void product_panel(const struct product_rows *a, const float *b,
                   const struct product_result *y);

#endif
