/*
 * conv_frame: the rows of an image that patches of a lattice need, copied between zeros.
 *
 * A row of the frame holds the pixels from the first tap of the first result to the last
 * tap of the last one, only the group's channels. With a dilation d along it, its pixels
 * are sorted by their remainders by d: what a patch reads is one piece again. Each image
 * in the frame has rows of its own.
 */
#ifndef LOCKSTEP_KERNELS_CONV_FRAME_H
#define LOCKSTEP_KERNELS_CONV_FRAME_H

#include "conv_lattice.h"

/* Floats of a row, and of a frame for up to `rows` rows of results. */
ptrdiff_t conv_frame_row(const struct lattice *l);
size_t conv_frame_floats(const struct lattice *l, int rows);
/* Fills the frame for some rows of results, and at (rows, column.count) with the offsets
   of their patches in it. */
void conv_frame_fill(const struct lattice *l, struct span rows, const float *in,
                     float *frame, ptrdiff_t *at);

#endif
