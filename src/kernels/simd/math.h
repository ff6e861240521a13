/*
 * math: functions of whole vectors.
 */
#ifndef LOCKSTEP_KERNELS_SIMD_MATH_H
#define LOCKSTEP_KERNELS_SIMD_MATH_H

#include "simd.h"

#define SIMD_ALL(x) ((simd_float){0} + (x))

/* yes where mask is set, else no. */
SIMD_INLINE simd_float simd_select(simd_int mask, simd_float yes, simd_float no)
{
    return (simd_float)((mask & (simd_int)yes) | (~mask & (simd_int)no));
}

/* exp(-q) for q >= 0, relative error about 1e-7; 0 beyond 87, NaN for NaN only through
   the caller's other factors. Cephes' polynomial for 2^f with ln 2 in two parts. */
SIMD_INLINE simd_float simd_exp_minus(simd_float q)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    simd_int small = q < 87.0f;
    simd_float a = simd_select(small, -q, SIMD_ALL(-87.0f));
    simd_float n = a * 1.44269504f + magic;
    simd_float whole = n - magic;
    simd_float r = a - whole * 0.693359375f;
    r = r - whole * -2.12194440e-4f;
    simd_float e = SIMD_ALL(1.9875691500e-4f);
    e = e * r + 1.3981999507e-3f;
    e = e * r + 8.3334519073e-3f;
    e = e * r + 4.1665795894e-2f;
    e = e * r + 1.6666665459e-1f;
    e = e * r + 5.0000001201e-1f;
    e = e * r * r + r + 1.0f;
    simd_float scale = (simd_float)(((simd_int)n - (0x4B400000 - 127)) << 23);
    return simd_select(small, e * scale, SIMD_ALL(0.0f));
}

/* x Phi(x) and its derivative. With a = |x|, t = 1 / (1 + 0.3 a) the upper tail of the
   normal distribution is exp(-a^2/2) t P(t); P minimises the relative error (1.5e-7) over
   a < 14. */
SIMD_INLINE simd_float simd_gelu(simd_float x, simd_float *slope)
{
    simd_float a = (simd_float)((simd_int)x & 0x7fffffff);
    simd_float t = 1.0f / (1.0f + 0.3f * a);
    simd_float p = SIMD_ALL(0.03567487746477127f);
    p = p * t - 0.15720349550247192f;
    p = p * t + 0.20635420083999634f;
    p = p * t - 0.05368424579501152f;
    p = p * t + 0.12856192886829376f;
    p = p * t + 0.09991341084241867f;
    p = p * t + 0.12075396627187729f;
    p = p * t + 0.11962930113077164f;
    simd_float e = simd_exp_minus(0.5f * x * x);
    simd_float tail = e * (t * p);
    simd_float phi = simd_select(x < 0.0f, tail, 1.0f - tail);
    *slope = phi + x * (e * 0.3989422804f);
    return x * phi;
}

#endif
