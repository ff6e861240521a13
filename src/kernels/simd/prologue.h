/*
 * prologue: kernels/prologue.h for a vector of channels.
 */
#ifndef LOCKSTEP_KERNELS_SIMD_PROLOGUE_H
#define LOCKSTEP_KERNELS_SIMD_PROLOGUE_H

#include "kernels/prologue.h"
#include "mask.h"

struct simd_prologue {
    simd_float mean, scale, shift;
    enum activation activation;
};

/* Channels [c, c + lanes). */
SIMD_INLINE struct simd_prologue simd_prologue(const struct prologue *p, int c, int lanes)
{
    return (struct simd_prologue){simd_load(p->mean + c, lanes),
                                  simd_load(p->scale + c, lanes),
                                  simd_load(p->shift + c, lanes), p->activation};
}

SIMD_INLINE simd_float simd_prologue_apply(const struct simd_prologue *p, simd_float x)
{
    simd_float y = simd_multiply_add(x - p->mean, p->scale, p->shift);
    return p->activation == ACTIVATION_RELU ? simd_relu(y) : y;
}

#endif
