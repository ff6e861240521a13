/*
 * math: exponential, log-sigmoid and GELU of a vector.
 */
#ifndef LOCKSTEP_KERNELS_SIMD_MATH_H
#define LOCKSTEP_KERNELS_SIMD_MATH_H

#include "mask.h"
#include "simd.h"

/* exp(-q) for q >= 0, relative error about 1e-7; 0 beyond 87 and for NaN, which callers
   must handle. The polynomial for 2^f of Cephes, with ln 2 in two parts. */
SIMD_INLINE simd_float simd_exp_minus(simd_float q)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    simd_mask small = simd_less(q, SIMD_ALL(87.0f));
    simd_float a = simd_select(small, -q, SIMD_ALL(-87.0f));
    simd_float n = simd_multiply_add(a, SIMD_ALL(1.44269504f), SIMD_ALL(magic));
    simd_float whole = n - magic;
    simd_float r = simd_multiply_add(whole, SIMD_ALL(-0.693359375f), a);
    r = simd_multiply_add(whole, SIMD_ALL(2.12194440e-4f), r);
    simd_float e = SIMD_ALL(1.9875691500e-4f);
    e = simd_multiply_add(e, r, SIMD_ALL(1.3981999507e-3f));
    e = simd_multiply_add(e, r, SIMD_ALL(8.3334519073e-3f));
    e = simd_multiply_add(e, r, SIMD_ALL(4.1665795894e-2f));
    e = simd_multiply_add(e, r, SIMD_ALL(1.6666665459e-1f));
    e = simd_multiply_add(e, r, SIMD_ALL(5.0000001201e-1f));
    e = simd_multiply_add(e * r, r, r) + 1.0f;
    simd_float scale = (simd_float)(((simd_int)n - (0x4B400000 - 127)) << 23);
    return simd_select(small, e * scale, SIMD_ALL(0.0f));
}

/* -log(1 + exp(-x)) = min(x, 0) - log1p(e) with e = exp(-|x|); log1p(e) = 2 atanh(s),
   s = e / (2 + e) <= 1/3, by its series. Relative error about 3e-7; 0 for x > 87; NaN
   stays NaN. */
SIMD_INLINE simd_float simd_logsigmoid(simd_float x)
{
    simd_float none = {0}, a = (simd_float)((simd_int)x & 0x7fffffff);
    simd_float e = simd_exp_minus(a), s = e / (e + 2.0f), z = s * s;
    simd_float sum = SIMD_ALL(1.0f / 13);
    sum = simd_multiply_add(sum, z, SIMD_ALL(1.0f / 11));
    sum = simd_multiply_add(sum, z, SIMD_ALL(1.0f / 9));
    sum = simd_multiply_add(sum, z, SIMD_ALL(1.0f / 7));
    sum = simd_multiply_add(sum, z, SIMD_ALL(1.0f / 5));
    sum = simd_multiply_add(sum, z, SIMD_ALL(1.0f / 3));
    sum = simd_multiply_add(sum, z, SIMD_ALL(1.0f));
    simd_float low = simd_select(simd_less(x, none), x, none);
    simd_float y = simd_multiply_add(s + s, -sum, low);
    return simd_select(simd_unordered(x, x), x, y);
}

/* x Phi(x) and its derivative, errors below 4e-7 or a unit in the last place. With
   a = |x|, the upper tail of the normal distribution is exp(-a^2/2) P(a). Fitted with the
   weight exp(-a^2/2) max(1, a), P can be a polynomial, without a division. P and 2^f were
   fitted by Lawson's iteration (Rice, "The approximation of functions", 1969). Beyond 13,
   where P is wrong, the tail is set to 0. */
SIMD_INLINE simd_float simd_gelu(simd_float x, simd_float *slope)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    simd_float a = (simd_float)((simd_int)x & 0x7fffffff), square = x * x;
    simd_mask inside = simd_less(a, SIMD_ALL(13.0f));
    simd_float ratio = SIMD_ALL(-0.72134752f);
    simd_float n = simd_multiply_add(square, ratio, SIMD_ALL(magic));
    simd_float f = simd_multiply_add(square, ratio, magic - n);
    simd_float e = SIMD_ALL(0.0013276457f);
    e = simd_multiply_add(e, f, SIMD_ALL(0.0096755475f));
    e = simd_multiply_add(e, f, SIMD_ALL(0.055507135f));
    e = simd_multiply_add(e, f, SIMD_ALL(0.2402212f));
    e = simd_multiply_add(e, f, SIMD_ALL(0.69314694f));
    e = simd_multiply_add(e, f, SIMD_ALL(1.0f));
    e = (simd_float)((simd_word)e + ((simd_word)n << 23)); /* e 2^n */
    simd_float even = SIMD_ALL(1.271409e-06f), odd = SIMD_ALL(-2.8997114e-05f);
    even = simd_multiply_add(even, square, SIMD_ALL(0.00029518048f));
    odd = simd_multiply_add(odd, square, SIMD_ALL(-0.0018014761f));
    even = simd_multiply_add(even, square, SIMD_ALL(0.007542032f));
    odd = simd_multiply_add(odd, square, SIMD_ALL(-0.023763137f));
    even = simd_multiply_add(even, square, SIMD_ALL(0.060702f));
    odd = simd_multiply_add(odd, square, SIMD_ALL(-0.13230573f));
    even = simd_multiply_add(even, square, SIMD_ALL(0.24986961f));
    odd = simd_multiply_add(odd, square, SIMD_ALL(-0.3989325f));
    even = simd_multiply_add(even, square, SIMD_ALL(0.49999988f));
    simd_float p = simd_multiply_add(odd, a, even);
    simd_float none = {0};
    simd_float tail = simd_select(inside, e * p, none);
    simd_float density = simd_select(inside, e * 0.3989422804f, none);
    simd_float phi = simd_select(simd_less(x, none), tail, 1.0f - tail);
    *slope = simd_multiply_add(x, density, phi);
    return x * phi;
}

#endif
