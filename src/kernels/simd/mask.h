/*
 * mask: comparisons of vectors, and selection by their result. AVX-512 has registers for
 * masks; elsewhere a mask is a vector of integers.
 */
#ifndef LOCKSTEP_KERNELS_SIMD_MASK_H
#define LOCKSTEP_KERNELS_SIMD_MASK_H

#include "vector.h"

#if defined(__AVX512F__)

typedef __mmask16 simd_mask;

SIMD_INLINE simd_mask simd_less(simd_float a, simd_float b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

/* Is a or b NaN? */
SIMD_INLINE simd_mask simd_unordered(simd_float a, simd_float b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q);
}

/* yes where mask is set, else no. */
SIMD_INLINE simd_float simd_select(simd_mask mask, simd_float yes, simd_float no)
{
    return _mm512_mask_blend_ps(mask, no, yes);
}

/* from <= 0 ? 0 : x; where `from` is NaN, x. */
SIMD_INLINE simd_float simd_where_positive(simd_float from, simd_float x)
{
    return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(from, (simd_float){0}, _CMP_NLE_UQ), x);
}

SIMD_INLINE simd_int simd_select_int(simd_mask mask, simd_int yes, simd_int no)
{
    return (simd_int)_mm512_mask_blend_epi32(mask, (__m512i)no, (__m512i)yes);
}

#else

typedef simd_int simd_mask;

SIMD_INLINE simd_float simd_where_positive(simd_float from, simd_float x)
{
    return (simd_float)((simd_int)x & ~(from <= (simd_float){0}));
}

SIMD_INLINE simd_mask simd_less(simd_float a, simd_float b)
{
    return a < b;
}

SIMD_INLINE simd_mask simd_unordered(simd_float a, simd_float b)
{
#if defined(__AVX__)
    return (simd_mask)_mm256_cmp_ps(a, b, _CMP_UNORD_Q);
#elif defined(__SSE__)
    return (simd_mask)_mm_cmpunord_ps(a, b);
#else
    return (a != a) | (b != b);
#endif
}

SIMD_INLINE simd_float simd_select(simd_mask mask, simd_float yes, simd_float no)
{
#if defined(__AVX__)
    return _mm256_blendv_ps(no, yes, (__m256)mask);
#elif defined(__SSE4_1__)
    return _mm_blendv_ps(no, yes, (__m128)mask);
#else
    return (simd_float)((mask & (simd_int)yes) | (~mask & (simd_int)no));
#endif
}

SIMD_INLINE simd_int simd_select_int(simd_mask mask, simd_int yes, simd_int no)
{
    return (simd_int)simd_select(mask, (simd_float)yes, (simd_float)no);
}

#endif

/* x <= 0 ? 0 : x, so NaN stays. */
SIMD_INLINE simd_float simd_relu(simd_float x)
{
    return simd_where_positive(x, x);
}

#endif
