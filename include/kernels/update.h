/*
 * update: one optimizer step in one pass over a range of the flat vectors, element by
 * element, so that any cut of the range gives the same bits.
 *
 *   g = grad_scale grads                           (1/batch and clipping)
 *
 *   sgd    g += decay w
 *          v = momentum v + g
 *          w -= lr (grad_coef g + velocity_coef v)
 *
 *   adamw  m = beta1 m + one_minus_beta1 g
 *          v = beta2 v + one_minus_beta2 g^2
 *          w -= decay w + lr m / (sqrt(v) / sqrt_bias2 + epsilon)
 *
 *   lamb_moments  m and v as adamw;
 *          direction = over_bias1 m / (sqrt(v) / sqrt_bias2 + epsilon) + decay w
 *   lamb   w -= lr direction, computed again from m, v and w
 *
 *   lookahead  slow += slow_share (w - slow); w = slow
 *
 *   average  ema alone
 *
 *   ema += one_minus_ema (w - ema)                 (if there is one; not lamb_moments)
 *
 * decay is 0 for a range without weight decay. In adamw lr contains the correction of the
 * first moment's bias, over_bias1 = 1 / (1 - beta1^t); sqrt_bias2 = sqrt(1 - beta2^t).
 *
 * nn/optim_kind.h has the papers; nn/optim computes the factors from its options.
 */
#ifndef LOCKSTEP_KERNELS_UPDATE_H
#define LOCKSTEP_KERNELS_UPDATE_H

#include <stddef.h>

struct update_factors {
    float grad_scale, lr, decay, one_minus_ema;
    float momentum, grad_coef, velocity_coef; /* sgd */
    float beta1, one_minus_beta1;             /* adamw, lamb; also below */
    float beta2, one_minus_beta2, sqrt_bias2, epsilon;
    float over_bias1; /* lamb */
    float slow_share; /* lookahead */
};

struct update_vectors {
    float *w;
    const float *g;
    float *first, *second; /* v of sgd; m and v of adamw and lamb */
    float *ema;            /* may be NULL */
    float *slow;           /* lookahead */
    float *direction;      /* lamb_moments: written, (end - begin), not a flat vector */
};

/* Floats [begin, end) of the flat vectors. */
#define UPDATE_KERNEL(name)                            \
    void (*name)(const struct update_factors *factors, \
                 const struct update_vectors *vectors, size_t begin, size_t end)

#endif
