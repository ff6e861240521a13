/* Two activations become one (kernels/combine.h). Vectors run along the channels. */
#include "simd.h"

#define CHUNK 64 /* rows of one chain of sums; the chains are added in order */

void SIMD(add)(float *y, const float *a, const float *b, size_t n)
{
    size_t i = 0;
    for (; n - i >= SIMD_WIDTH; i += SIMD_WIDTH)
        simd_store(y + i, simd_full(a + i) + simd_full(b + i), SIMD_WIDTH);
    int lanes = (int)(n - i);
    simd_store(y + i, simd_load(a + i, lanes) + simd_load(b + i, lanes), lanes);
}

void SIMD(multiply)(float *y, const float *a, const float *b, size_t n)
{
    size_t i = 0;
    for (; n - i >= SIMD_WIDTH; i += SIMD_WIDTH)
        simd_store(y + i, simd_full(a + i) * simd_full(b + i), SIMD_WIDTH);
    int lanes = (int)(n - i);
    simd_store(y + i, simd_load(a + i, lanes) * simd_load(b + i, lanes), lanes);
}

void SIMD(scale_rows)(float *y, const float *x, const float *scale,
                      const struct matrix *m)
{
    int rows = m->rows, columns = m->columns, ld = m->ld;
    for (int i = 0; i < rows; i++, x += ld, y += ld)
        for (int j = 0; j < columns; j += SIMD_WIDTH) {
            int lanes = columns - j;
            simd_store(y + j, simd_load(x + j, lanes) * simd_load(scale + j, lanes),
                       lanes);
        }
}

void SIMD(sum_products)(float *sum, const float *a, const float *b,
                        const struct matrix *m)
{
    int rows = m->rows, columns = m->columns, ld = m->ld;
    for (int j = 0; j < columns; j += SIMD_WIDTH) {
        int lanes = columns - j;
        simd_float total = {0};
        for (int first = 0; first < rows; first += CHUNK) {
            int end = rows - first < CHUNK ? rows : first + CHUNK;
            simd_float chain = {0};
            for (int i = first; i < end; i++) {
                size_t at = (size_t)i * (size_t)ld + (size_t)j;
                chain = simd_multiply_add(simd_load(a + at, lanes),
                                          simd_load(b + at, lanes), chain);
            }
            total += chain;
        }
        simd_store(sum + j, total, lanes);
    }
}
