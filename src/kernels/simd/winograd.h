/*
 * winograd: the one-dimensional transforms of kernels/winograd.h. Vectors hold channels;
 * `out` and `in` are vectors a stride apart. The order of operations here defines the
 * bits.
 */
#ifndef LOCKSTEP_KERNELS_SIMD_WINOGRAD_H
#define LOCKSTEP_KERNELS_SIMD_WINOGRAD_H

#include "vector.h"

/* a b + c for a constant a. */
SIMD_INLINE simd_float winograd_scaled(float a, simd_float b, simd_float c)
{
    return simd_multiply_add(simd_broadcast(a), b, c);
}

/* B' d */
SIMD_INLINE void winograd2_input(simd_float *out, int os, const simd_float *in, int is)
{
    simd_float d1 = in[is], d2 = in[2 * is];
    out[0] = in[0] - d2;
    out[os] = d1 + d2;
    out[2 * os] = d2 - d1;
    out[3 * os] = d1 - in[3 * is];
}

/* A' m */
SIMD_INLINE void winograd2_output(simd_float *out, int os, const simd_float *in, int is)
{
    simd_float m1 = in[is], m2 = in[2 * is];
    out[0] = in[0] + (m1 + m2);
    out[os] = (m1 - m2) - in[3 * is];
}

/* A dy */
SIMD_INLINE void winograd2_gradient(simd_float *out, int os, const simd_float *in, int is)
{
    simd_float y0 = in[0], y1 = in[is];
    out[0] = y0;
    out[os] = y0 + y1;
    out[2 * os] = y0 - y1;
    out[3 * os] = -y1;
}

/* G g */
SIMD_INLINE void winograd2_filter(simd_float *out, int os, const simd_float *in, int is)
{
    simd_float g0 = in[0], g1 = in[is], g2 = in[2 * is], even = g0 + g2;
    out[0] = g0;
    out[os] = 0.5f * (even + g1);
    out[2 * os] = 0.5f * (even - g1);
    out[3 * os] = g2;
}

/* G' du */
SIMD_INLINE void winograd2_filter_gradient(simd_float *out, int os, const simd_float *in,
                                           int is)
{
    simd_float u1 = in[is], u2 = in[2 * is], even = u1 + u2;
    out[0] = winograd_scaled(0.5f, even, in[0]);
    out[os] = 0.5f * (u1 - u2);
    out[2 * os] = winograd_scaled(0.5f, even, in[3 * is]);
}

SIMD_INLINE void winograd4_input(simd_float *out, int os, const simd_float *in, int is)
{
    simd_float d1 = in[is], d2 = in[2 * is], d3 = in[3 * is], d4 = in[4 * is];
    simd_float odd = d1 - d3, even = d2 - d4;
    simd_float first = (in[0] - d2) - even, last = (in[5 * is] - d3) + odd;
    out[0] = winograd_scaled(2.0f, first, -3.0f * odd);
    out[os] = winograd_scaled(3.0f, d2 + d3, -2.0f * (odd + even));
    out[2 * os] = winograd_scaled(3.0f, d2 - d3, -2.0f * (odd - even));
    out[3 * os] = winograd_scaled(2.0f, odd, even);
    out[4 * os] = winograd_scaled(-2.0f, even, odd);
    out[5 * os] = winograd_scaled(2.0f, last, -3.0f * even);
}

SIMD_INLINE void winograd4_output(simd_float *out, int os, const simd_float *in, int is)
{
    simd_float m1 = in[is], m2 = in[2 * is], m3 = in[3 * is], m4 = in[4 * is];
    simd_float even = m1 + m2, odd = m1 - m2;
    out[0] = (in[0] + even) + (m3 + m4);
    out[os] = winograd_scaled(-2.0f, m4, winograd_scaled(0.5f, m3, odd));
    out[2 * os] = winograd_scaled(4.0f, m4, winograd_scaled(0.25f, m3, even));
    out[3 * os] =
        winograd_scaled(-8.0f, m4, winograd_scaled(0.125f, m3, odd + in[5 * is]));
}

SIMD_INLINE void winograd4_gradient(simd_float *out, int os, const simd_float *in, int is)
{
    simd_float y0 = in[0], y1 = in[is], y2 = in[2 * is], y3 = in[3 * is];
    simd_float even = y0 + y2, odd = y1 + y3;
    out[0] = y0;
    out[os] = even + odd;
    out[2 * os] = even - odd;
    out[3 * os] = winograd_scaled(
        0.125f, y3, winograd_scaled(0.25f, y2, winograd_scaled(0.5f, y1, y0)));
    out[4 * os] = winograd_scaled(
        -8.0f, y3, winograd_scaled(4.0f, y2, winograd_scaled(-2.0f, y1, y0)));
    out[5 * os] = y3;
}

SIMD_INLINE void winograd4_filter(simd_float *out, int os, const simd_float *in, int is)
{
    const float sixth = 1.0f / 6, fifteenth = 1.0f / 15;
    simd_float g0 = in[0], g1 = in[is], g2 = in[2 * is], even = g0 + g2;
    out[0] = 0.5f * g0;
    out[os] = sixth * (even + g1);
    out[2 * os] = sixth * (even - g1);
    out[3 * os] =
        (4 * fifteenth) * winograd_scaled(4.0f, g0, winograd_scaled(2.0f, g1, g2));
    out[4 * os] = fifteenth * winograd_scaled(2.0f, g2, winograd_scaled(0.5f, g0, -g1));
    out[5 * os] = 0.5f * g2;
}

SIMD_INLINE void winograd4_filter_gradient(simd_float *out, int os, const simd_float *in,
                                           int is)
{
    const float sixth = 1.0f / 6, fifteenth = 1.0f / 15;
    simd_float u1 = in[is], u2 = in[2 * is];
    simd_float u3 = (4 * fifteenth) * in[3 * is], u4 = fifteenth * in[4 * is];
    simd_float even = sixth * (u1 + u2);
    out[0] = winograd_scaled(0.5f, in[0],
                             winograd_scaled(4.0f, u3, winograd_scaled(0.5f, u4, even)));
    out[os] = winograd_scaled(sixth, u1 - u2, winograd_scaled(2.0f, u3, -u4));
    out[2 * os] = winograd_scaled(0.5f, in[5 * is], winograd_scaled(2.0f, u4, even + u3));
}

#endif
