/*
 * pool: maximum and average over windows, channel-last; floor mode as in PyTorch.
 *
 * x (N, H, W, C), y (N, P, Q, C), P = (H + 2 pad - size) / stride + 1, pad <= size / 2.
 *
 * - Maximum: padding never wins; of equals the first in row-major order wins; NaN wins.
 *
 * - Average: padding counts as zeros (count_include_pad), the divisor is size * size.
 *
 * Every member of the team calls with the same arguments; each function ends with a
 * barrier.
 */
#ifndef LOCKSTEP_KERNELS_POOL_H
#define LOCKSTEP_KERNELS_POOL_H

#include <stdint.h>

#include "kernels/team.h"

#define POOL_SIZE_MAX 16 /* the position in a window is kept in a byte */

struct pool_shape {
    int n, h, w, c;
    int size, stride, pad;
    int p, q; /* y; set by pool_shape_complete */
};

void pool_shape_complete(struct pool_shape *shape);

/* The splits that the kernel supports. */
struct split_sets pool_splits(const struct pool_shape *shape);

/* argmax (N, P, Q, C): r * size + s of the maximum; may be NULL. */
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
