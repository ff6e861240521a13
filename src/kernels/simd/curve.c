/* relu6, sigmoid, hardsigmoid, silu and hardswish (kernels/activation.h). */
#include "curve.h"

SIMD_INLINE void curve_apply(enum activation kind, float *y, float *slope, const float *x,
                             size_t n)
{
    for (size_t i = 0; i < n; i += SIMD_WIDTH) {
        int lanes = n - i < SIMD_WIDTH ? (int)(n - i) : SIMD_WIDTH;
        simd_float derivative = {0};
        simd_store(y + i, curve_value(kind, simd_load(x + i, lanes), &derivative), lanes);
        if (slope && !curve_from_output(kind))
            simd_store(slope + i, derivative, lanes);
    }
}

void SIMD(activate)(enum activation kind, float *y, float *slope, const float *x,
                    size_t n)
{
    CURVE_EACH(kind, curve_apply(KIND, y, slope, x, n));
}

SIMD_INLINE void curve_apply_back(enum activation kind, float *dx, const float *dy,
                                  const float *from, size_t n)
{
    for (size_t i = 0; i < n; i += SIMD_WIDTH) {
        int lanes = n - i < SIMD_WIDTH ? (int)(n - i) : SIMD_WIDTH;
        simd_store(dx + i,
                   curve_back(kind, simd_load(dy + i, lanes), simd_load(from + i, lanes)),
                   lanes);
    }
}

void SIMD(activate_back)(enum activation kind, float *dx, const float *dy,
                         const float *from, size_t n)
{
    CURVE_EACH(kind, curve_apply_back(KIND, dx, dy, from, n));
}
