/*
 * pool: maximum and average over windows, channel-last; floor mode as in PyTorch.
 *
 * x (N, H, W, C), y (N, P, Q, C), P and Q as kernels/window.h says, without dilation. No
 * window lies in the padding alone.
 *
 * - Maximum: padding never wins; of equals the first in row-major order wins; NaN wins.
 *
 * - Average: padding counts as zeros and the divisor is R S, as PyTorch's
 *   count_include_pad, unless `inside` is set: then it is the number of pixels.
 *
 * Every member of the team calls with the same arguments; each function ends with a
 * barrier.
 */
#ifndef LOCKSTEP_KERNELS_POOL_H
#define LOCKSTEP_KERNELS_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/team.h"
#include "kernels/window.h"

#define POOL_SIZE_MAX 16 /* of a side: the position in a window is kept in a byte */

struct pool_shape {
    int n, h, w, c;
    struct window r, s; /* along the rows and along the columns */
    bool inside;        /* padding does not count in an average */
    int p, q;           /* y; set by pool_shape_complete */
};

void pool_shape_complete(struct pool_shape *shape);

/* The splits that the kernel supports. */
struct split_sets pool_splits(const struct pool_shape *shape);

/* argmax (N, P, Q, C): r * s.size + s of the maximum, in its window; may be NULL. */
void maxpool_forward(const struct team *team, const struct pool_shape *shape, float *y,
                     uint8_t *argmax, const float *x);
void maxpool_backward(const struct team *team, const struct pool_shape *shape, float *dx,
                      const float *dy, const uint8_t *argmax);

void avgpool_forward(const struct team *team, const struct pool_shape *shape, float *y,
                     const float *x);
void avgpool_backward(const struct team *team, const struct pool_shape *shape, float *dx,
                      const float *dy);

/* The mean of all pixels of an image: x, dx (N, pixels, C), y, dy (N, C). */
struct globalavgpool_shape {
    int n, pixels, c;
};
void globalavgpool_forward(const struct team *team,
                           const struct globalavgpool_shape *shape, float *y,
                           const float *x);
void globalavgpool_backward(const struct team *team,
                            const struct globalavgpool_shape *shape, float *dx,
                            const float *dy);

#endif
