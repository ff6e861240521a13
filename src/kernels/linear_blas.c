/* A linear layer by sgemm of OpenBLAS: its bits belong to the kind of CPU. */
#include <cblas.h>

#include "kernels/kernels.h"
#include "kernels/linear.h"
#include "share.h"

#define BLAS_FEATURES 128 /* of one product: panels do not depend on the team */

static int linear_blas_width(struct span left)
{
    int width = left.end - left.begin;
    return width < BLAS_FEATURES ? width : BLAS_FEATURES;
}

static void linear_blas_forward(const struct team *team, const struct linear_shape *shape,
                                float *y, const float *x, const float *weight,
                                const float *bias)
{
    struct span f = share_panels(team, shape->out, BLAS_FEATURES);
    for (int width; (width = linear_blas_width(f)) > 0; f.begin += width) {
        kernels()->fill_rows(y + f.begin, bias ? bias + f.begin : NULL, shape->n, width,
                             shape->out);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, shape->n, width, shape->in,
                    1.0f, x, shape->in, weight + (size_t)f.begin * (size_t)shape->in,
                    shape->in, 1.0f, y + f.begin, shape->out);
    }
    team_barrier(team);
}

static void linear_blas_weight(const struct team *team, const struct linear_shape *shape,
                               float *dweight, float *dbias, const float *x,
                               const float *dy)
{
    struct span f = share_panels(team, shape->out, BLAS_FEATURES);
    if (dbias && f.end > f.begin)
        kernels()->sum_rows(dbias + f.begin, dy + f.begin, shape->n, f.end - f.begin,
                            shape->out);
    for (int width; (width = linear_blas_width(f)) > 0; f.begin += width)
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, width, shape->in, shape->n,
                    1.0f, dy + f.begin, shape->out, x, shape->in, 0.0f,
                    dweight + (size_t)f.begin * (size_t)shape->in, shape->in);
    team_barrier(team);
}

static void linear_blas_data(const struct team *team, const struct linear_shape *shape,
                             float *dx, const float *dy, const float *weight)
{
    struct span f = share_panels(team, shape->in, BLAS_FEATURES);
    for (int width; (width = linear_blas_width(f)) > 0; f.begin += width)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, shape->n, width,
                    shape->out, 1.0f, dy, shape->out, weight + f.begin, shape->in, 0.0f,
                    dx + f.begin, shape->in);
    team_barrier(team);
}

const struct linear_passes linear_blas = {linear_blas_forward, linear_blas_weight,
                                          linear_blas_data};
