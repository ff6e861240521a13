/* Sums over the pixels of an image and normalisation (kernels/batchnorm.h). Vectors run
   along the channels: the order of a channel's sum does not depend on their width. */
#include "kernels/batchnorm.h"
#include "simd.h"

/* sum[j] += v[j] */
SIMD_INLINE void batchnorm_flush(double *sum, simd_float v, int lanes)
{
    float chain[SIMD_WIDTH];
    simd_store(chain, v, SIMD_WIDTH);
    for (int l = 0; l < SIMD_WIDTH && l < lanes; l++)
        sum[l] += (double)chain[l];
}

SIMD_INLINE int batchnorm_chunk_end(int first, int rows)
{
    return rows - first < BATCHNORM_CHUNK ? rows : first + BATCHNORM_CHUNK;
}

void SIMD(sum_channels)(double *sum, const float *x, const struct matrix *m)
{
    int rows = m->rows, columns = m->columns, ld = m->ld;
    memset(sum, 0, (size_t)columns * sizeof *sum);
    for (int first = 0; first < rows; first += BATCHNORM_CHUNK) {
        int end = batchnorm_chunk_end(first, rows);
        for (int j = 0; j < columns; j += SIMD_WIDTH) {
            int lanes = columns - j;
            simd_float chain = {0};
            for (int i = first; i < end; i++)
                chain += simd_load(x + (size_t)i * (size_t)ld + j, lanes);
            batchnorm_flush(sum + j, chain, lanes);
        }
    }
}

void SIMD(sum_squares)(double *sum, const float *x, const float *mean,
                       const struct matrix *m)
{
    int rows = m->rows, columns = m->columns, ld = m->ld;
    memset(sum, 0, (size_t)columns * sizeof *sum);
    for (int first = 0; first < rows; first += BATCHNORM_CHUNK) {
        int end = batchnorm_chunk_end(first, rows);
        for (int j = 0; j < columns; j += SIMD_WIDTH) {
            int lanes = columns - j;
            simd_float chain = {0}, centre = simd_load(mean + j, lanes);
            for (int i = first; i < end; i++) {
                simd_float d = simd_load(x + (size_t)i * (size_t)ld + j, lanes) - centre;
                chain = simd_multiply_add(d, d, chain);
            }
            batchnorm_flush(sum + j, chain, lanes);
        }
    }
}

void SIMD(sum_gradients)(double *sum, double *product, const float *dy, const float *x,
                         const float *mean, const struct matrix *m)
{
    int rows = m->rows, columns = m->columns, ld = m->ld;
    memset(sum, 0, (size_t)columns * sizeof *sum);
    memset(product, 0, (size_t)columns * sizeof *product);
    for (int first = 0; first < rows; first += BATCHNORM_CHUNK) {
        int end = batchnorm_chunk_end(first, rows);
        for (int j = 0; j < columns; j += SIMD_WIDTH) {
            int lanes = columns - j;
            simd_float plain = {0}, chain = {0}, centre = simd_load(mean + j, lanes);
            for (int i = first; i < end; i++) {
                size_t at = (size_t)i * (size_t)ld + (size_t)j;
                simd_float g = simd_load(dy + at, lanes);
                plain += g;
                chain = simd_multiply_add(g, simd_load(x + at, lanes) - centre, chain);
            }
            batchnorm_flush(sum + j, plain, lanes);
            batchnorm_flush(product + j, chain, lanes);
        }
    }
}

void SIMD(normalise)(float *y, const float *x, const float *mean, const float *scale,
                     const float *shift, const struct matrix *m)
{
    int rows = m->rows, columns = m->columns, ld = m->ld;
    for (int i = 0; i < rows; i++, x += ld, y += ld)
        for (int j = 0; j < columns; j += SIMD_WIDTH) {
            int lanes = columns - j;
            simd_float d = simd_load(x + j, lanes) - simd_load(mean + j, lanes);
            simd_store(y + j,
                       simd_multiply_add(d, simd_load(scale + j, lanes),
                                         simd_load(shift + j, lanes)),
                       lanes);
        }
}

void SIMD(normalise_backward)(float *dx, const float *dy, const float *x,
                              const float *mean, const float *const factor[3],
                              const struct matrix *m)
{
    int rows = m->rows, columns = m->columns, ld = m->ld;
    for (int i = 0; i < rows; i++, x += ld, dy += ld, dx += ld)
        for (int j = 0; j < columns; j += SIMD_WIDTH) {
            int lanes = columns - j;
            simd_float d = simd_load(x + j, lanes) - simd_load(mean + j, lanes);
            simd_float rest = simd_multiply_add(d, simd_load(factor[1] + j, lanes),
                                                simd_load(factor[2] + j, lanes));
            simd_store(dx + j,
                       simd_multiply_add(simd_load(dy + j, lanes),
                                         simd_load(factor[0] + j, lanes), rest),
                       lanes);
        }
}
