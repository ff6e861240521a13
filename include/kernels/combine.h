/*
 * combine: two activations become one.
 *
 *   add       y = a + b                        element by element
 *   multiply  y = a b                          element by element
 *   scale     y[n, h, w, c] = x[n, h, w, c] s[n, c]
 *             ds[n, c] = sum over h, w of dy[n, h, w, c] x[n, h, w, c]
 *
 * scale is what squeeze-and-excitation does with its weights of the channels: J. Hu et
 * al., "Squeeze-and-Excitation Networks", CVPR 2018. Every member of the team calls with
 * the same arguments; each function ends with a barrier.
 */
#ifndef LOCKSTEP_KERNELS_COMBINE_H
#define LOCKSTEP_KERNELS_COMBINE_H

#include <stddef.h>

#include "kernels/team.h"

/* y may be a or b. */
void combine_add(const struct team *team, float *y, const float *a, const float *b,
                 size_t n);
void combine_multiply(const struct team *team, float *y, const float *a, const float *b,
                      size_t n);

/* x, y and dy: (n, pixels, channels); scale and dscale: (n, channels). */
struct scale_shape {
    int n, pixels, channels;
};

void scale_forward(const struct team *team, const struct scale_shape *shape, float *y,
                   const float *x, const float *scale);
/* dx is scale_forward(dy, scale). */
void scale_backward(const struct team *team, const struct scale_shape *shape,
                    float *dscale, const float *dy, const float *x);

#endif
