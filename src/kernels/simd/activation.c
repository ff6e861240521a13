/* Element by element: relu, gelu, dropout; log-softmax over rows. */
#include <math.h>

#include "simd.h"

/* exp(-q) for q >= 0, relative error about 1e-7; 0 beyond 87, NaN for NaN only through
   the caller's other factors. Cephes' polynomial for 2^f with ln 2 in two parts. */
SIMD_INLINE float exp_minus(float q)
{
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer */
    float a = q < 87.0f ? -q : -87.0f;
    union {
        float f;
        int32_t i;
    } n, scale;
    n.f = a * 1.44269504f + magic;
    float whole = n.f - magic;
    float r = a - whole * 0.693359375f;
    r = r - whole * -2.12194440e-4f;
    float e = 1.9875691500e-4f;
    e = e * r + 1.3981999507e-3f;
    e = e * r + 8.3334519073e-3f;
    e = e * r + 4.1665795894e-2f;
    e = e * r + 1.6666665459e-1f;
    e = e * r + 5.0000001201e-1f;
    e = e * r * r + r + 1.0f;
    scale.i = (int32_t)((uint32_t)(n.i - 0x4B400000 + 127) << 23);
    return q < 87.0f ? e * scale.f : 0.0f;
}

void SIMD(relu_forward)(float *restrict y, const float *restrict x, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = x[i] <= 0.0f ? 0.0f : x[i];
}

void SIMD(relu_backward)(float *restrict dx, const float *restrict dy,
                         const float *restrict y, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        dx[i] = y[i] <= 0.0f ? 0.0f : dy[i];
}

/* With a = |x|, t = 1 / (1 + 0.3 a): the upper tail of the normal distribution is
   exp(-a^2/2) t P(t); P minimises the relative error (1.5e-7) over a < 14. */
SIMD_INLINE void gelu_one(float x, float *y, float *slope)
{
    float a = fabsf(x);
    float t = 1.0f / (1.0f + 0.3f * a);
    float p = 0.03567487746477127f;
    p = p * t - 0.15720349550247192f;
    p = p * t + 0.20635420083999634f;
    p = p * t - 0.05368424579501152f;
    p = p * t + 0.12856192886829376f;
    p = p * t + 0.09991341084241867f;
    p = p * t + 0.12075396627187729f;
    p = p * t + 0.11962930113077164f;
    float e = exp_minus(0.5f * x * x);
    float tail = e * (t * p);
    float phi = x < 0.0f ? tail : 1.0f - tail;
    *y = x * phi;
    *slope = phi + x * (e * 0.3989422804f);
}

void SIMD(gelu_forward)(float *restrict y, float *restrict slope, const float *restrict x,
                        size_t n)
{
    if (!slope) {
#pragma omp simd
        for (size_t i = 0; i < n; i++) {
            float unused;
            gelu_one(x[i], &y[i], &unused);
        }
        return;
    }
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        gelu_one(x[i], &y[i], &slope[i]);
}

void SIMD(gelu_backward)(float *restrict dx, const float *restrict dy,
                         const float *restrict slope, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        dx[i] = dy[i] * slope[i];
}

void SIMD(dropout_apply)(float *restrict y, const float *restrict x,
                         const uint8_t *restrict keep, float scale, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        y[i] = keep[i] ? x[i] * scale : 0.0f;
}

void SIMD(logsoftmax_forward)(float *restrict y, const float *restrict x, int rows,
                              int classes)
{
    for (int i = 0; i < rows; i++, x += classes, y += classes) {
        float max = x[0];
        for (int k = 1; k < classes; k++)
            max = x[k] > max ? x[k] : max;
#pragma omp simd
        for (int k = 0; k < classes; k++) {
            float below = max - x[k];
            /* exp_minus forgets NaN, and inf - inf must not be lost either */
            y[k] = below == below ? exp_minus(below) : below;
        }
        double sum = 0.0;
        for (int k = 0; k < classes; k++)
            sum += (double)y[k];
        float shift = max + (float)log(sum);
#pragma omp simd
        for (int k = 0; k < classes; k++)
            y[k] = x[k] - shift;
    }
}

void SIMD(logsoftmax_backward)(float *restrict dx, const float *restrict dy,
                               const float *restrict y, int rows, int classes)
{
    for (int i = 0; i < rows; i++, dx += classes, dy += classes, y += classes) {
        double total = 0.0;
        for (int k = 0; k < classes; k++)
            total += (double)dy[k];
        float sum = (float)total;
#pragma omp simd
        for (int k = 0; k < classes; k++)
            dx[k] = dy[k] - exp_minus(-y[k]) * sum;
    }
}
