/*
 * bytes: vectors of bytes, such as the argmax of windows, as integers and as selectors.
 */
#ifndef LOCKSTEP_KERNELS_SIMD_BYTES_H
#define LOCKSTEP_KERNELS_SIMD_BYTES_H

#include "vector.h"

/* Intrinsics, because GCC 12 does these conversions lane by lane. */
SIMD_INLINE simd_int simd_widen(simd_byte narrow)
{
#if defined(__AVX512F__)
    return (simd_int)_mm512_cvtepu8_epi32((__m128i)narrow);
#elif defined(__AVX2__)
    return (simd_int)_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)&narrow));
#elif defined(__SSE4_1__)
    int32_t four;
    memcpy(&four, &narrow, sizeof four);
    return (simd_int)_mm_cvtepu8_epi32(_mm_cvtsi32_si128(four));
#else
    return __builtin_convertvector(narrow, simd_int);
#endif
}

/* The integers must be below 256. */
SIMD_INLINE simd_byte simd_narrow(simd_int wide)
{
    simd_byte narrow;
#if defined(__AVX512F__)
    narrow = (simd_byte)_mm512_cvtepi32_epi8((__m512i)wide);
#elif defined(__AVX2__)
    __m128i low = _mm256_castsi256_si128((__m256i)wide);
    __m128i words = _mm_packus_epi32(low, _mm256_extracti128_si256((__m256i)wide, 1));
    _mm_storel_epi64((__m128i *)&narrow, _mm_packus_epi16(words, words));
#elif defined(__SSE4_1__)
    __m128i words = _mm_packus_epi32((__m128i)wide, (__m128i)wide);
    int32_t four = _mm_cvtsi128_si32(_mm_packus_epi16(words, words));
    memcpy(&narrow, &four, sizeof narrow);
#else
    narrow = __builtin_convertvector(wide, simd_byte);
#endif
    return narrow;
}

/* The first `lanes` bytes as integers, the others 0. */
SIMD_INLINE simd_int simd_load_bytes(const uint8_t *p, int lanes)
{
    simd_byte narrow = {0};
    if (lanes >= SIMD_WIDTH)
        memcpy(&narrow, p, sizeof narrow);
    else
        for (int i = 0; i < lanes; i++)
            narrow[i] = p[i];
    return simd_widen(narrow);
}

SIMD_INLINE void simd_store_bytes(uint8_t *p, simd_int wide, int lanes)
{
    simd_byte narrow = simd_narrow(wide);
    if (lanes >= SIMD_WIDTH)
        memcpy(p, &narrow, sizeof narrow);
    else
        for (int i = 0; i < lanes; i++)
            p[i] = narrow[i];
}

/* Which of 64 bytes equal `value`: bit i for byte i. */
SIMD_INLINE uint64_t simd_equal_bytes(const uint8_t *p, uint8_t value)
{
    uint64_t bits = 0;
#if defined(__AVX512BW__)
    bits = _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(p), _mm512_set1_epi8((char)value));
#elif defined(__SSE2__)
    for (int i = 0; i < 64; i += 16) {
        __m128i same = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(p + i)),
                                      _mm_set1_epi8((char)value));
        bits |= (uint64_t)(unsigned)_mm_movemask_epi8(same) << i;
    }
#else
    for (int i = 0; i < 64; i++)
        bits |= (uint64_t)(p[i] == value) << i;
#endif
    return bits;
}

/* p[which], for `which` below 4. */
SIMD_INLINE simd_float simd_one_of_four(const float *p, simd_int which)
{
#if defined(__AVX512F__)
    return _mm512_permutevar_ps(_mm512_broadcast_f32x4(_mm_loadu_ps(p)), (__m512i)which);
#elif defined(__AVX__)
    return _mm256_permutevar_ps(_mm256_broadcast_ps((const __m128 *)p), (__m256i)which);
#else
    return __builtin_shuffle(simd_full(p), which);
#endif
}

/* p[0], p[step], q[0], q[step] in the first four lanes; the others are undefined. */
SIMD_INLINE simd_float simd_pairs(const float *p, const float *q, ptrdiff_t step)
{
#if defined(__SSE2__)
    if (step == 1) {
        __m128 low = _mm_castsi128_ps(_mm_loadl_epi64((const __m128i *)p));
        __m128 four = _mm_loadh_pi(low, (const __m64 *)q);
#if defined(__AVX512F__)
        return _mm512_castps128_ps512(four);
#elif defined(__AVX__)
        return _mm256_castps128_ps256(four);
#else
        return four;
#endif
    }
#endif
    simd_float v = {0};
    v[0] = p[0];
    v[1] = p[step];
    v[2] = q[0];
    v[3] = q[step];
    return v;
}

#endif
