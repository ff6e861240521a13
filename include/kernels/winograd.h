/*
 * winograd: convolution 3x3 with stride 1 as products of transformed tiles: A. Lavin and
 * S. Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016.
 *
 * The result is cut into tiles of m x m pixels, m = 2 or 4; each depends on a patch of
 * (m+2) x (m+2) of the input. With matrices A, B, G of m (below), d a patch, g a filter:
 *
 *   forward    Y = A' [ sum over c of (G g_kc G') * (B' d_c B) ] A       * by element
 *   weight     dG_kc = G' [ sum over tiles of (A dY_k A') * (B' d_c B) ] G
 *
 * and the input gradient is forward with C and K exchanged and the filters rotated. For
 * each of the (m+2)^2 frequencies f the sum is a matrix product (product.h):
 *
 *   V[f][tile][c]  patches   M[f][tile][k]  results   U[f][k/64][c][64]  filters
 *
 *   M[f] = V[f] U[f]         dU[f] = V[f]' M[f]
 *
 * 36 instead of 144 multiplications for 4 x 4 results, 16 instead of 36 for 2 x 2. The
 * points of m = 4 are 0, 1, -1, 1/2, -2 and infinity: with 0, +-1, +-2 the errors are
 * twice as large (B. Barabasz et al., "Error Analysis and Improving the Accuracy of
 * Winograd Convolution for Deep Neural Networks", ACM TOMS 46, 2020).
 *
 *        m = 2   B' = 1  0 -1  0    G = 1    0    0      A' = 1  1  1  0
 *                     0  1  1  0        1/2  1/2  1/2         0  1 -1 -1
 *                     0 -1  1  0        1/2 -1/2  1/2
 *                     0  1  0 -1        0    0    1
 *
 *        m = 4   B' = 2 -3 -4  3  2  0    G = 1/2    0     0    A' = 1 1  1  1   1 0
 *                     0 -2  1  5  2  0        1/6   1/6   1/6        0 1 -1 1/2 -2 0
 *                     0 -2  5 -1 -2  0        1/6  -1/6   1/6        0 1  1 1/4  4 0
 *                     0  2  1 -2 -1  0       16/15  8/15  4/15       0 1 -1 1/8 -8 1
 *                     0  1 -2 -1  2  0        1/30 -1/15  2/15
 *                     0  2 -3 -4  3  2         0     0    1/2
 *
 * A value is defined by the transforms as src/kernels/simd/winograd.c writes them,
 * columns first, and by one chain for each frequency; neither depends on the instruction
 * set or on the blocks.
 */
#ifndef LOCKSTEP_KERNELS_WINOGRAD_H
#define LOCKSTEP_KERNELS_WINOGRAD_H

#include <stddef.h>

#include "kernels/matrix.h"
#include "kernels/prologue.h"

enum winograd_size { WINOGRAD_2, WINOGRAD_4, WINOGRAD_SIZES };

/* A tensor of images (n, h, w, c) seen as tiles, numbered image by image and row by row.
   Tile (i, j) of an image begins at pixel (m i - above, m j - before); pixels outside of
   the image are 0. */
struct winograd_side {
    int h, w, c;
    int above, before;
    int rows, columns;               /* tiles of one image */
    ptrdiff_t ld;                    /* floats from tile to tile of V or M */
    ptrdiff_t plane;                 /* floats from frequency to frequency */
    const struct prologue *prologue; /* of `input`; NULL: none */
};

/* v and m begin with the first tile; every value of the tiles' rows is written, up to
   whole vectors. */
struct winograd_transforms {
    /* V of some tiles of x. */
    void (*input)(const struct winograd_side *side, struct span tiles, float *v,
                  const float *x);
    /* Some tiles of y from M; bias NULL is 0. */
    void (*output)(const struct winograd_side *side, struct span tiles, float *y,
                   const float *m, const float *bias);
    /* M of some tiles of dy. */
    void (*gradient)(const struct winograd_side *side, struct span tiles, float *m,
                     const float *dy);
    /* `count` (a multiple of 16) filters side by side: g (9, *), u ((m+2)^2, *), with
       `plane` floats from tap to tap and from frequency to frequency. */
    void (*filter)(float *u, ptrdiff_t u_plane, const float *g, ptrdiff_t g_plane,
                   int count);
    void (*filter_gradient)(float *dg, ptrdiff_t g_plane, const float *du,
                            ptrdiff_t u_plane, int count);
};

#endif
