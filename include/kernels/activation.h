/*
 * activation: element by element over n floats, and log-softmax over rows.
 *
 * Every member of the team calls with the same arguments; each function ends with a
 * barrier. Arrays are aligned as their type; to 64 bytes is fastest.
 */
#ifndef LOCKSTEP_KERNELS_ACTIVATION_H
#define LOCKSTEP_KERNELS_ACTIVATION_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/team.h"

/* y = max(x, 0); NaN stays NaN. y may be x, dx may be dy. */
void relu_forward(const struct team *team, float *y, const float *x, size_t n);
void relu_backward(const struct team *team, float *dx, const float *dy, const float *y,
                   size_t n);

/* y = x Phi(x), Phi the normal distribution function: the exact form of D. Hendrycks and
   K. Gimpel, "Gaussian error linear units", 2016. slope = dy/dx, which backward needs;
   may be NULL. Absolute error below 1e-6, or 4 units in the last place. */
void gelu_forward(const struct team *team, float *y, float *slope, const float *x,
                  size_t n);
void gelu_backward(const struct team *team, float *dx, const float *dy,
                   const float *slope, size_t n);

/* The others:
 *   relu6        min(max(x, 0), 6)
 *   sigmoid      1 / (1 + exp(-x))
 *   hardsigmoid  min(max(x + 3, 0), 6) / 6
 *   silu         x sigmoid(x), S. Elfwing et al., "Sigmoid-weighted linear units", 2018
 *   hardswish    x hardsigmoid(x), A. Howard et al., "Searching for MobileNetV3", 2019
 * The slopes of the first three follow from y; the last two give them to backward. NaN
 * stays NaN. Absolute error of the curved ones below 1e-6, or 4 units in the last place.
 */
enum activation {
    ACTIVATION_NONE,
    ACTIVATION_RELU,
    ACTIVATION_GELU,
    ACTIVATION_RELU6,
    ACTIVATION_SIGMOID,
    ACTIVATION_HARDSIGMOID,
    ACTIVATION_SILU,
    ACTIVATION_HARDSWISH,
    ACTIVATIONS
};

/* Of any kind, with the bits of the functions above; y may be x, dx may be dy. slope: of
   gelu, silu and hardswish, may be NULL. */
void activation_forward(const struct team *team, enum activation kind, float *y,
                        float *slope, const float *x, size_t n);
/* from: the slopes of gelu, silu and hardswish, y of the others. */
void activation_backward(const struct team *team, enum activation kind, float *dx,
                         const float *dy, const float *from, size_t n);

/* dy, y (images, pixels, channels). */
struct activation_shape {
    int images, pixels, channels;
};

/* dy becomes dy times the slope, which follows from y (not gelu, silu and hardswish), and
 * sum[k] grows by the sum of what channel k has then: in chunks of 256 pixels of an
 * image, the chunks in order. So images may come in several calls. ACTIVATION_NONE: dy
 * stays as it is, y may be NULL. Members take channels. */
void activation_backward_sum(const struct team *team, enum activation kind,
                             const struct activation_shape *shape, float *dy,
                             const float *y, float *sum);

/* y = x * scale where keep, else 0. Used in both directions; y may be x. */
void dropout_apply(const struct team *team, float *y, const float *x, const uint8_t *keep,
                   float scale, size_t n);

/* y = log sigmoid(x) = -log(1 + exp(-x)), for all x; NaN stays NaN. Relative error about
   3e-7. Its gradient is that of the loss (nn/loss_set.h). */
void logsigmoid_forward(const struct team *team, float *y, const float *x, size_t n);

/* y = x - log(sum(exp(x))) in each row; x, y (rows, classes). */
void logsoftmax_forward(const struct team *team, float *y, const float *x, int rows,
                        int classes);
/* dx = dy - exp(y) sum(dy) in each row. */
void logsoftmax_backward(const struct team *team, float *dx, const float *dy,
                         const float *y, int rows, int classes);

#endif
