/*
 * simd: what the sources of this folder share. Each is compiled once for every
 * instruction set, with SIMD_LEVEL the suffix of its symbols (plain, v2, v3, v4).
 *
 * Vectors are GCC vector extensions, as wide as the level's registers. Sums run in an
 * order that depends on the shapes alone.
 */
#ifndef LOCKSTEP_KERNELS_SIMD_SIMD_H
#define LOCKSTEP_KERNELS_SIMD_SIMD_H

#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include "kernels/kernels.h"

#define SIMD_JOIN_(a, b) a##_##b
#define SIMD_JOIN(a, b)  SIMD_JOIN_(a, b)
#define SIMD(op)         SIMD_JOIN(op, SIMD_LEVEL)

/* Declares op_LEVEL with the type that the table says. */
#define SIMD_DECLARE(op) extern __typeof__(*((struct kernels *)0)->op) SIMD(op)

SIMD_DECLARE(multiply_add);
SIMD_DECLARE(relu_forward);
SIMD_DECLARE(relu_backward);
SIMD_DECLARE(gelu_forward);
SIMD_DECLARE(gelu_backward);
SIMD_DECLARE(dropout_apply);
SIMD_DECLARE(logsoftmax_forward);
SIMD_DECLARE(logsoftmax_backward);
SIMD_DECLARE(maxpool_forward);
SIMD_DECLARE(maxpool_backward);
SIMD_DECLARE(avgpool_forward);
SIMD_DECLARE(avgpool_backward);
SIMD_DECLARE(im2col);
SIMD_DECLARE(col2im);
SIMD_DECLARE(linear_forward);
SIMD_DECLARE(linear_weight);
SIMD_DECLARE(linear_data);
SIMD_DECLARE(fill_rows);
SIMD_DECLARE(sum_rows);
SIMD_DECLARE(direct_forward);
SIMD_DECLARE(direct_backward_weight);
SIMD_DECLARE(conv_pool_forward);
SIMD_DECLARE(conv_pool_weight);
SIMD_DECLARE(conv_pool_weight_thin);
SIMD_DECLARE(conv_pool_data);
SIMD_DECLARE(update_sgd);
SIMD_DECLARE(update_adamw);
SIMD_DECLARE(square_sum);

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

/* A vector that lies in memory whole. */
SIMD_INLINE simd_float simd_full(const float *p)
{
    simd_float v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* The same pointer, but the compiler forgets how it was made: otherwise it turns every
   sum of offsets in an unrolled loop into an invariant of its own and runs out of
   registers for them. */
SIMD_INLINE const float *simd_opaque(const float *p)
{
    __asm__("" : "+r"(p));
    return p;
}

/* --- the first few lanes; memcpy of a variable length would keep v in memory --- */

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

/* --- bytes --- */

/* The first `lanes` bytes as integers, the others 0. */
SIMD_INLINE simd_int simd_load_bytes(const uint8_t *p, int lanes)
{
    simd_byte narrow = {0};
    if (lanes >= SIMD_WIDTH)
        memcpy(&narrow, p, sizeof narrow);
    else
        for (int i = 0; i < lanes; i++)
            narrow[i] = p[i];
    return __builtin_convertvector(narrow, simd_int);
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

/* p[0], p[step], q[0], q[step] in the first four lanes; the others are any. */
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

/* --- comparisons: masks are registers of their own in AVX-512 --- */

#if defined(__AVX512F__)

typedef __mmask16 simd_mask;

SIMD_INLINE simd_mask simd_less(simd_float a, simd_float b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
}

/* Is one of the two NaN? */
SIMD_INLINE simd_mask simd_unordered(simd_float a, simd_float b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_UNORD_Q);
}

/* yes where mask is set, else no. */
SIMD_INLINE simd_float simd_select(simd_mask mask, simd_float yes, simd_float no)
{
    return _mm512_mask_blend_ps(mask, no, yes);
}

SIMD_INLINE simd_int simd_select_int(simd_mask mask, simd_int yes, simd_int no)
{
    return (simd_int)_mm512_mask_blend_epi32(mask, (__m512i)no, (__m512i)yes);
}

#else

typedef simd_int simd_mask;

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

#endif
