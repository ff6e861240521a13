/*
 * vector: GCC vector extensions as wide as the registers of the level, with intrinsics
 * where the extensions give slow code.
 */
#ifndef LOCKSTEP_KERNELS_SIMD_VECTOR_H
#define LOCKSTEP_KERNELS_SIMD_VECTOR_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__ARM_NEON) && defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__)
#define SIMD_WIDTH 16
#elif defined(__AVX__)
#define SIMD_WIDTH 8
#else
#define SIMD_WIDTH 4
#endif

typedef float simd_float __attribute__((vector_size(4 * SIMD_WIDTH)));
typedef int32_t simd_int __attribute__((vector_size(4 * SIMD_WIDTH)));
typedef uint32_t simd_word __attribute__((vector_size(4 * SIMD_WIDTH)));
typedef uint8_t simd_byte __attribute__((vector_size(SIMD_WIDTH)));

#define SIMD_INLINE static inline __attribute__((always_inline))
#define SIMD_ALL(x) ((simd_float){0} + (x))

/* A whole vector from memory. */
SIMD_INLINE simd_float simd_full(const float *p)
{
    simd_float v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* x in every lane. A subtraction, because 0 + x is not x if x is -0, and the compiler
   would have to add. */
SIMD_INLINE simd_float simd_broadcast(float x)
{
    return x - (simd_float){0};
}

/* The same pointer, but the compiler does not know how it was computed. Otherwise it
   keeps every sum of offsets of an unrolled loop as an invariant and runs out of
   registers. */
SIMD_INLINE const float *simd_opaque(const float *p)
{
    __asm__("" : "+r"(p));
    return p;
}

/* a b + c, rounded once; only v2, which has no such instruction and whose bits are its
   own, rounds twice. Explicit, because in a b + c d the compiler may fuse either product,
   and not the same one for whole vectors and the last one. */
SIMD_INLINE simd_float simd_multiply_add(simd_float a, simd_float b, simd_float c)
{
#if defined(__AVX512F__)
    return _mm512_fmadd_ps(a, b, c);
#elif defined(__FMA__)
    return _mm256_fmadd_ps(a, b, c);
#elif defined(__ARM_NEON) && defined(__aarch64__)
    return vfmaq_f32(c, a, b);
#elif defined(__SSE4_1__)
    return a * b + c;
#else
    for (int i = 0; i < SIMD_WIDTH; i++)
        c[i] = __builtin_fmaf(a[i], b[i], c[i]);
    return c;
#endif
}

/* --- the first few lanes; memcpy of a variable length would force v into memory --- */

#if defined(__AVX512F__)

SIMD_INLINE simd_float simd_load_part(const float *p, int lanes)
{
    return _mm512_maskz_loadu_ps((__mmask16)(0xffffu >> (SIMD_WIDTH - lanes)), p);
}

SIMD_INLINE void simd_store_part(float *p, simd_float v, int lanes)
{
    _mm512_mask_storeu_ps(p, (__mmask16)(0xffffu >> (SIMD_WIDTH - lanes)), v);
}

#elif defined(__AVX__)

SIMD_INLINE __m256i simd_lanes_(int lanes)
{
    static const int32_t sliding[2 * SIMD_WIDTH] = {-1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256((const __m256i *)(sliding + SIMD_WIDTH - lanes));
}

SIMD_INLINE simd_float simd_load_part(const float *p, int lanes)
{
    return _mm256_maskload_ps(p, simd_lanes_(lanes));
}

SIMD_INLINE void simd_store_part(float *p, simd_float v, int lanes)
{
    _mm256_maskstore_ps(p, simd_lanes_(lanes), v);
}

#else

SIMD_INLINE simd_float simd_load_part(const float *p, int lanes)
{
    return (simd_float){p[0], lanes > 1 ? p[1] : 0.0f, lanes > 2 ? p[2] : 0.0f, 0.0f};
}

SIMD_INLINE void simd_store_part(float *p, simd_float v, int lanes)
{
    p[0] = v[0];
    if (lanes > 1)
        p[1] = v[1];
    if (lanes > 2)
        p[2] = v[2];
}

#endif

/* The first `lanes` lanes from memory, the others 0. */
SIMD_INLINE simd_float simd_load(const float *p, int lanes)
{
    if (lanes >= SIMD_WIDTH)
        return simd_full(p);
    return lanes > 0 ? simd_load_part(p, lanes) : (simd_float){0};
}

SIMD_INLINE void simd_store(float *p, simd_float v, int lanes)
{
    if (lanes >= SIMD_WIDTH)
        memcpy(p, &v, sizeof v);
    else if (lanes > 0)
        simd_store_part(p, v, lanes);
}

#endif
