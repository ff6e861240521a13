/*
 * prologue: what a convolution does to its input while it reads it, so that the result of
 * a norm and its activation is never stored:
 *
 *   x' = activation((x - mean) scale + shift)
 *
 * with the bits of normalise and then relu_forward (kernels.h). What lies outside of an
 * image is 0 after it.
 */
#ifndef LOCKSTEP_KERNELS_PROLOGUE_H
#define LOCKSTEP_KERNELS_PROLOGUE_H

enum prologue_activation { PROLOGUE_NONE, PROLOGUE_RELU };

struct prologue {
    const float *mean, *scale, *shift; /* (C); batchnorm.h: scale = inverse weight */
    enum prologue_activation activation;
};

#endif
