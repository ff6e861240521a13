#include "kernels/peak.h"

#include <cblas.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/timer.h"
#include "kernels/lab.h"

#define TRIES       9
#define PEAK_ROUNDS 400000
#define SIZE        1024

double peak_registers(void)
{
    double best = 0;
    float sink = 0;
    for (int i = 0; i < TRIES; i++) {
        double begin = timer_thread();
        double flops = lab_kernels()->multiply_add(PEAK_ROUNDS, &sink);
        double rate = flops / (timer_thread() - begin);
        best = rate > best ? rate : best;
    }
    return best;
}

double peak_sgemm(void)
{
    size_t count = (size_t)SIZE * SIZE;
    float *a = mem_aligned(count, sizeof *a), *b = mem_aligned(count, sizeof *b);
    float *c = mem_aligned(count, sizeof *c);
    double best = 0;
    for (int i = 0; i < TRIES; i++) {
        double begin = timer_thread();
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIZE, SIZE, SIZE, 1.0f, a,
                    SIZE, b, SIZE, 0.0f, c, SIZE);
        double rate = 2.0 * SIZE * SIZE * SIZE / (timer_thread() - begin);
        best = rate > best ? rate : best;
    }
    free(a);
    free(b);
    free(c);
    return best;
}
