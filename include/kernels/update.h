/*
 * update: one optimizer step in one pass over the flat vectors, element by element, so
 * that any split of a range gives the same bits.
 *
 *   grad = scale g                        (1/batch and clipping)
 *
 *   sgd    grad += decay mask w;  v = momentum v + grad;  w -= lr (gain grad + pull v)
 *   adamw  m = beta1 m + rest1 grad;  v = beta2 v + rest2 grad^2
 *          w -= decay mask w + lr m / (sqrt(v) / root2 + epsilon)
 *
 *   ema += rest (w - ema)                 (if there is one)
 *
 * Sutskever et al., "On the importance of initialization and momentum in deep learning",
 * ICML 2013; Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019.
 * nn/optim makes the factors from its options.
 */
#ifndef LOCKSTEP_KERNELS_UPDATE_H
#define LOCKSTEP_KERNELS_UPDATE_H

struct update_factors {
    float scale, lr, decay, rest;
    float momentum, gain, pull;                       /* sgd */
    float beta1, rest1, beta2, rest2, root2, epsilon; /* adamw */
};

struct update_vectors {
    float *w;
    const float *g, *mask;
    float *first, *second; /* v of sgd; m and v of adamw */
    float *ema;            /* may be NULL */
};

#endif
