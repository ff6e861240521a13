/* Element by element: relu, gelu, dropout, log-sigmoid; log-softmax over rows. */
#include "base/portable_math.h"
#include "math.h"

/* x and y may be the same, dx and dy too. */
void SIMD(relu_forward)(float *y, const float *x, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] <= 0.0f ? 0.0f : x[i];
}

void SIMD(relu_backward)(float *dx, const float *dy, const float *y, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        dx[i] = y[i] <= 0.0f ? 0.0f : dy[i];
}

/* x and y may be the same. */
void SIMD(gelu_forward)(float *y, float *slope, const float *x, size_t n)
{
    size_t i = 0;
    simd_float derivative;
    for (; n - i >= SIMD_WIDTH; i += SIMD_WIDTH) {
        simd_store(y + i, simd_gelu(simd_full(x + i), &derivative), SIMD_WIDTH);
        if (slope)
            simd_store(slope + i, derivative, SIMD_WIDTH);
    }
    int lanes = (int)(n - i);
    simd_store(y + i, simd_gelu(simd_load(x + i, lanes), &derivative), lanes);
    if (slope)
        simd_store(slope + i, derivative, lanes);
}

void SIMD(gelu_backward)(float *restrict dx, const float *restrict dy,
                         const float *restrict slope, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * slope[i];
}

void SIMD(dropout_apply)(float *y, const float *x, const uint8_t *keep, float scale,
                         size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = keep[i] ? x[i] * scale : 0.0f;
}

void SIMD(logsigmoid_forward)(float *restrict y, const float *restrict x, size_t n)
{
    for (size_t i = 0; i < n; i += SIMD_WIDTH) {
        int lanes = n - i < SIMD_WIDTH ? (int)(n - i) : SIMD_WIDTH;
        simd_store(y + i, simd_logsigmoid(simd_load(x + i, lanes)), lanes);
    }
}

/* Element k is added to partial sum k mod 16; then a tree. */
SIMD_INLINE double row_sum(const float *x, int count)
{
    enum { PARTS = 16 };
    double sum[PARTS] = {0};
    int k = 0;
    for (; count - k >= PARTS; k += PARTS)
#pragma omp simd
        for (int j = 0; j < PARTS; j++)
            sum[j] += (double)x[k + j];
    for (int j = 0; k < count; j++, k++)
        sum[j] += (double)x[k];
    for (int half = PARTS / 2; half > 0; half /= 2)
        for (int j = 0; j < half; j++)
            sum[j] += sum[j + half];
    return sum[0];
}

void SIMD(logsoftmax_forward)(float *restrict y, const float *restrict x, int rows,
                              int classes)
{
    for (int i = 0; i < rows; i++, x += classes, y += classes) {
        float max = x[0];
        for (int k = 1; k < classes; k++)
            max = x[k] > max ? x[k] : max;
        for (int k = 0; k < classes; k += SIMD_WIDTH) {
            simd_float below = max - simd_load(x + k, classes - k);
            /* simd_exp_minus loses NaN, and inf - inf must stay one */
            simd_mask bad = simd_unordered(below, below);
            simd_float e = simd_select(bad, below, simd_exp_minus(below));
            simd_store(y + k, e, classes - k);
        }
        float shift = max + (float)portable_log(row_sum(y, classes));
#pragma omp simd
        for (int k = 0; k < classes; k++)
            y[k] = x[k] - shift;
    }
}

void SIMD(logsoftmax_backward)(float *restrict dx, const float *restrict dy,
                               const float *restrict y, int rows, int classes)
{
    for (int i = 0; i < rows; i++, dx += classes, dy += classes, y += classes) {
        float sum = (float)row_sum(dy, classes);
        for (int k = 0; k < classes; k += SIMD_WIDTH) {
            int lanes = classes - k;
            simd_float p = simd_exp_minus(-simd_load(y + k, lanes));
            simd_store(dx + k,
                       simd_multiply_add(p, SIMD_ALL(-sum), simd_load(dy + k, lanes)),
                       lanes);
        }
    }
}
