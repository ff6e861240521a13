/* relu6, sigmoid, hardsigmoid, silu and hardswish (kernels/activation.h). */
#include "math.h"

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

/* *slope is set by silu and hardswish only. */
SIMD_INLINE simd_float curve_value(enum activation kind, simd_float x, simd_float *slope)
{
    simd_float part;
    switch (kind) {
    case ACTIVATION_RELU6:
        return curve_clamp(x, 6.0f);
    case ACTIVATION_SIGMOID:
        return curve_sigmoid(x);
    case ACTIVATION_HARDSIGMOID:
        return curve_clamp(x + 3.0f, 6.0f) / 6.0f;
    case ACTIVATION_SILU:
        part = curve_sigmoid(x);
        *slope = part + x * part * (1.0f - part);
        return x * part;
    default:
        part = curve_clamp(x + 3.0f, 6.0f) / 6.0f;
        *slope = simd_select(
            simd_less(x, SIMD_ALL(-3.0f)), SIMD_ALL(0.0f),
            simd_select(simd_less(SIMD_ALL(3.0f), x), SIMD_ALL(1.0f), x / 3.0f + 0.5f));
        return x * part;
    }
}

SIMD_INLINE void curve_apply(enum activation kind, float *y, float *slope, const float *x,
                             size_t n)
{
    for (size_t i = 0; i < n; i += SIMD_WIDTH) {
        int lanes = n - i < SIMD_WIDTH ? (int)(n - i) : SIMD_WIDTH;
        simd_float derivative = {0};
        simd_store(y + i, curve_value(kind, simd_load(x + i, lanes), &derivative), lanes);
        if (slope)
            simd_store(slope + i, derivative, lanes);
    }
}

void SIMD(activate)(enum activation kind, float *y, float *slope, const float *x,
                    size_t n)
{
    switch (kind) { /* a loop for each */
    case ACTIVATION_RELU6:
        curve_apply(ACTIVATION_RELU6, y, NULL, x, n);
        break;
    case ACTIVATION_SIGMOID:
        curve_apply(ACTIVATION_SIGMOID, y, NULL, x, n);
        break;
    case ACTIVATION_HARDSIGMOID:
        curve_apply(ACTIVATION_HARDSIGMOID, y, NULL, x, n);
        break;
    case ACTIVATION_SILU:
        curve_apply(ACTIVATION_SILU, y, slope, x, n);
        break;
    default:
        curve_apply(ACTIVATION_HARDSWISH, y, slope, x, n);
    }
}

/* The slope, from y or given. */
SIMD_INLINE simd_float curve_slope(enum activation kind, simd_float from)
{
    simd_float zero = {0}, one = SIMD_ALL(1.0f);
    float hi = kind == ACTIVATION_RELU6 ? 6.0f : 1.0f;
    simd_float inside = kind == ACTIVATION_RELU6 ? one : one / 6.0f;
    if (kind == ACTIVATION_SIGMOID)
        return from * (1.0f - from);
    if (kind != ACTIVATION_RELU6 && kind != ACTIVATION_HARDSIGMOID)
        return from;
    return simd_select(simd_less(zero, from),
                       simd_select(simd_less(from, SIMD_ALL(hi)), inside, zero), zero);
}

SIMD_INLINE void curve_back(enum activation kind, float *dx, const float *dy,
                            const float *from, size_t n)
{
    for (size_t i = 0; i < n; i += SIMD_WIDTH) {
        int lanes = n - i < SIMD_WIDTH ? (int)(n - i) : SIMD_WIDTH;
        simd_float slope = curve_slope(kind, simd_load(from + i, lanes));
        simd_store(dx + i, simd_load(dy + i, lanes) * slope, lanes);
    }
}

void SIMD(activate_back)(enum activation kind, float *dx, const float *dy,
                         const float *from, size_t n)
{
    switch (kind) {
    case ACTIVATION_RELU6:
        curve_back(ACTIVATION_RELU6, dx, dy, from, n);
        break;
    case ACTIVATION_SIGMOID:
        curve_back(ACTIVATION_SIGMOID, dx, dy, from, n);
        break;
    case ACTIVATION_HARDSIGMOID:
        curve_back(ACTIVATION_HARDSIGMOID, dx, dy, from, n);
        break;
    default:
        curve_back(ACTIVATION_SILU, dx, dy, from, n);
    }
}
