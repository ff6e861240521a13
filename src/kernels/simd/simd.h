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
SIMD_DECLARE(fill_rows);
SIMD_DECLARE(sum_rows);
SIMD_DECLARE(direct_forward);
SIMD_DECLARE(direct_backward_weight);
SIMD_DECLARE(conv_pool_forward);
SIMD_DECLARE(conv_pool_weight);
SIMD_DECLARE(conv_pool_weight_thin);
SIMD_DECLARE(conv_pool_data);

#if defined(__AVX512F__)
#define SIMD_WIDTH 16
#elif defined(__AVX__)
#define SIMD_WIDTH 8
#else
#define SIMD_WIDTH 4
#endif

typedef float simd_float __attribute__((vector_size(4 * SIMD_WIDTH)));
typedef int32_t simd_int __attribute__((vector_size(4 * SIMD_WIDTH)));
typedef uint8_t simd_byte __attribute__((vector_size(SIMD_WIDTH)));

#define SIMD_INLINE static inline __attribute__((always_inline))

/* The first `lanes` lanes from memory, the others 0. */
SIMD_INLINE simd_float simd_load(const float *p, int lanes)
{
    simd_float v = {0};
    if (lanes >= SIMD_WIDTH)
        memcpy(&v, p, sizeof v);
    else if (lanes > 0)
        memcpy(&v, p, (size_t)lanes * sizeof *p);
    return v;
}

SIMD_INLINE void simd_store(float *p, simd_float v, int lanes)
{
    if (lanes >= SIMD_WIDTH)
        memcpy(p, &v, sizeof v);
    else if (lanes > 0)
        memcpy(p, &v, (size_t)lanes * sizeof *p);
}

#endif
