/*
 * curve: the activations of kernels/activation.h for a vector.
 *
 * The kind is a constant where these are called: CURVE_EACH gives each kind a loop of its
 * own.
 */
#ifndef LOCKSTEP_KERNELS_SIMD_CURVE_H
#define LOCKSTEP_KERNELS_SIMD_CURVE_H

#include "math.h"

/* Runs `call`, in which KIND stands for the constant that `kind` is. */
#define CURVE_EACH(kind, call)                        \
    switch (kind) {                                   \
        CURVE_CASE_(RELU, call)                       \
        CURVE_CASE_(GELU, call)                       \
        CURVE_CASE_(RELU6, call)                      \
        CURVE_CASE_(SIGMOID, call)                    \
        CURVE_CASE_(HARDSIGMOID, call)                \
        CURVE_CASE_(SILU, call)                       \
        CURVE_CASE_(HARDSWISH, call)                  \
    default: {                                        \
        enum activation const KIND = ACTIVATION_NONE; \
        call;                                         \
    }                                                 \
    }
#define CURVE_CASE_(name, call)                         \
    case ACTIVATION_##name: {                           \
        enum activation const KIND = ACTIVATION_##name; \
        call;                                           \
        break;                                          \
    }

SIMD_INLINE simd_float curve_clamp(simd_float x, float hi)
{
    simd_float low = simd_select(simd_less(x, SIMD_ALL(0.0f)), SIMD_ALL(0.0f), x);
    return simd_select(simd_less(SIMD_ALL(hi), low), SIMD_ALL(hi), low);
}

SIMD_INLINE simd_float curve_sigmoid(simd_float x)
{
    simd_float a = (simd_float)((simd_int)x & 0x7fffffff), one = SIMD_ALL(1.0f);
    simd_float e = simd_exp_minus(a), whole = one / (one + e);
    simd_float y = simd_select(simd_less(x, SIMD_ALL(0.0f)), e * whole, whole);
    return simd_select(simd_unordered(x, x), x, y);
}

/* *slope is set by gelu, silu and hardswish only. */
SIMD_INLINE simd_float curve_value(enum activation kind, simd_float x, simd_float *slope)
{
    simd_float part;
    switch (kind) {
    case ACTIVATION_RELU:
        return simd_relu(x);
    case ACTIVATION_GELU:
        return simd_gelu(x, slope);
    case ACTIVATION_RELU6:
        return curve_clamp(x, 6.0f);
    case ACTIVATION_SIGMOID:
        return curve_sigmoid(x);
    case ACTIVATION_HARDSIGMOID:
        return curve_clamp(x + 3.0f, 6.0f) / 6.0f;
    case ACTIVATION_SILU:
        part = curve_sigmoid(x);
        *slope = simd_multiply_add(x * part, 1.0f - part, part);
        return x * part;
    case ACTIVATION_HARDSWISH:
        part = curve_clamp(x + 3.0f, 6.0f) / 6.0f;
        *slope = simd_select(
            simd_less(x, SIMD_ALL(-3.0f)), SIMD_ALL(0.0f),
            simd_select(simd_less(SIMD_ALL(3.0f), x), SIMD_ALL(1.0f), x / 3.0f + 0.5f));
        return x * part;
    default:
        return x;
    }
}

/* relu or relu6 of `count` vectors, 8 at most, which stay in registers. */
SIMD_INLINE void curve_rectify(enum activation kind, simd_float *x, int count)
{
    simd_float unused;
#pragma GCC unroll 8
    for (int i = 0; i < count; i++)
        x[i] = kind == ACTIVATION_RELU ? curve_value(ACTIVATION_RELU, x[i], &unused)
                                       : curve_value(ACTIVATION_RELU6, x[i], &unused);
}

/* Do the slopes follow from the output? Else curve_value gives them. */
SIMD_INLINE bool curve_from_output(enum activation kind)
{
    return kind != ACTIVATION_GELU && kind != ACTIVATION_SILU &&
           kind != ACTIVATION_HARDSWISH;
}

/* dy times the slope; from: the output, or the slope itself. */
SIMD_INLINE simd_float curve_back(enum activation kind, simd_float dy, simd_float from)
{
    simd_float zero = {0}, one = SIMD_ALL(1.0f);
    float hi = kind == ACTIVATION_RELU6 ? 6.0f : 1.0f;
    simd_float inside = kind == ACTIVATION_RELU6 ? one : one / 6.0f;
    switch (kind) {
    case ACTIVATION_NONE:
        return dy;
    case ACTIVATION_RELU:
        return simd_where_positive(from, dy);
    case ACTIVATION_SIGMOID:
        return dy * (from * (1.0f - from));
    case ACTIVATION_RELU6:
    case ACTIVATION_HARDSIGMOID:
        return dy * simd_select(simd_less(zero, from),
                                simd_select(simd_less(from, SIMD_ALL(hi)), inside, zero),
                                zero);
    default:
        return dy * from;
    }
}

#endif
