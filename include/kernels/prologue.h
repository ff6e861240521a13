/*
 * prologue: a norm and its activation:
 *
 *   x' = activation((x - mean) scale + shift)
 *
 * A convolution does it to its input while it reads it, so that the result is never
 * stored, with the bits of normalise (kernels.h). What lies outside of an image is 0
 * after it.
 */
#ifndef LOCKSTEP_KERNELS_PROLOGUE_H
#define LOCKSTEP_KERNELS_PROLOGUE_H

#include "kernels/activation.h"

struct prologue {
    const float *mean, *scale, *shift; /* (C); batchnorm.h: scale = inverse weight */
    enum activation activation;        /* of a convolution: NONE or RELU */
};

#endif
