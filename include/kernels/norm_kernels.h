/*
 * norm_kernels: the inner loops of batchnorm.h and groupnorm.h: a part of struct kernels
 * (kernels.h). A matrix x[i, j] has a channel j in each column.
 */
#ifndef LOCKSTEP_KERNELS_NORM_KERNELS_H
#define LOCKSTEP_KERNELS_NORM_KERNELS_H

#include "kernels/matrix.h"
#include "kernels/prologue.h"

/* Behind a norm, dz = dy times the slope of the activation, which follows from x, or from
   the output y if that is given. */
struct normalise_gradient {
    const float *dy, *x;
    const float *y; /* NULL: there was nothing added, and x says all */
    float *dz;      /* normalise_sums writes it; may be NULL */
    float *dx;      /* normalise_sums writes scale dz; may be dy, or NULL */
};

struct norm_kernels {
    /* groupnorm.h. sum[j] = sum over i of x[i, j], of (x[i, j] - mean[j])^2. */
    void (*sum_channels)(double *sum, const float *x, const struct matrix *m);
    void (*sum_squares)(double *sum, const float *x, const float *mean,
                        const struct matrix *m);
    /* batchnorm.h. mean[j] of x[i, j] over i, squares[j] = sum of (x[i, j] - mean[j])^2.
     */
    void (*moments)(double *mean, double *squares, const float *x,
                    const struct matrix *m);
    /* y[i, j] = activation((x[i, j] - mean[j]) scale[j] + shift[j] + z[i, j]); z may be
       NULL. */
    void (*normalise)(float *y, const float *x, const float *z, const struct prologue *by,
                      const struct matrix *m);
    /* sum[j] = sum over i of dz[i, j], product[j] = sum of dz[i, j] (x[i, j] - mean[j]);
       dx[i, j] = factor[0][j] dz[i, j] + factor[1][j] (x[i, j] - mean[j]) + factor[2][j];
       dx may be dy. */
    void (*normalise_sums)(double *sum, double *product,
                           const struct normalise_gradient *g, const struct prologue *by,
                           const struct matrix *m);
    void (*normalise_backward)(float *dx, const struct normalise_gradient *g,
                               const struct prologue *by, const float *const factor[3],
                               const struct matrix *m);
};

#endif
