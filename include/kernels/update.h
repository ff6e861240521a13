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
 *   ema += one_minus_ema (w - ema)                 (if there is one)
 *
 * decay is 0 for a range without weight decay. In adamw lr contains the correction of the
 * first moment's bias, 1 / (1 - beta1^t); sqrt_bias2 = sqrt(1 - beta2^t).
 *
 * Sutskever et al., "On the importance of initialization and momentum in deep learning",
 * ICML 2013; Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
 * nn/optim computes the factors from its options.
 */
#ifndef LOCKSTEP_KERNELS_UPDATE_H
#define LOCKSTEP_KERNELS_UPDATE_H

struct update_factors {
    float grad_scale, lr, decay, one_minus_ema;
    float momentum, grad_coef, velocity_coef; /* sgd */
    float beta1, one_minus_beta1;             /* adamw, also below */
    float beta2, one_minus_beta2, sqrt_bias2, epsilon;
};

struct update_vectors {
    float *w;
    const float *g;
    float *first, *second; /* v of sgd; m and v of adamw */
    float *ema;            /* may be NULL */
};

#endif
