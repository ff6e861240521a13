/*
 * cblas: the one function of it that the kernels call, by definition.
 */
#ifndef LOCKSTEP_TESTS_CROSS_CBLAS_H
#define LOCKSTEP_TESTS_CROSS_CBLAS_H

enum { CblasRowMajor };
enum { CblasNoTrans, CblasTrans };

static inline void cblas_sgemm(int order, int turn_a, int turn_b, int m, int n, int k,
                               float alpha, const float *a, int lda, const float *b,
                               int ldb, float beta, float *c, int ldc)
{
    (void)order;
    for (int i = 0; i < m; i++) {
        for (int j = 0; j < n; j++) {
            float sum = 0.0f;
            for (int t = 0; t < k; t++)
                sum += a[turn_a ? t * lda + i : i * lda + t] *
                       b[turn_b ? j * ldb + t : t * ldb + j];
            c[i * ldc + j] = alpha * sum + (beta == 0.0f ? 0.0f : beta * c[i * ldc + j]);
        }
    }
}

#endif
