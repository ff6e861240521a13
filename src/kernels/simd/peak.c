/* Yardsticks of the machine (kernels/lab.h). */
#include "math.h"
#include "simd_lab.h"

#if defined(__AVX512F__)
#define CHAINS 24 /* hide the latency and fit into the registers */
#else
#define CHAINS 12
#endif

double SIMD(multiply_add)(long rounds, float *sink)
{
    simd_float sum[CHAINS], a = SIMD_ALL(0.999999f), b = SIMD_ALL(1e-6f);
    for (int i = 0; i < CHAINS; i++)
        sum[i] = SIMD_ALL((float)i);
    for (long round = 0; round < rounds; round++)
#pragma GCC unroll 24
        for (int i = 0; i < CHAINS; i++)
            sum[i] = sum[i] * a + b;
    for (int i = 1; i < CHAINS; i++)
        sum[0] += sum[i];
    for (int i = 0; i < SIMD_WIDTH; i++)
        *sink += sum[0][i];
    return 2.0 * CHAINS * SIMD_WIDTH * (double)rounds;
}

void SIMD(triad)(float *restrict a, const float *restrict b, const float *restrict c,
                 float s, size_t n)
{
#pragma omp simd
    for (size_t i = 0; i < n; i++)
        a[i] = b[i] + s * c[i];
}
