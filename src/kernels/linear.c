#include "kernels/linear.h"

#include <cblas.h>
#include <stdbool.h>

#include "kernels/kernels.h"
#include "share.h"

/* Features that one product computes. */
#define BLAS_FEATURES 128
#define TILE_FEATURES 16

/* The tiles of simd/linear.c are 1.2 to 2 times as fast as BLAS where its packing costs
   more than it saves. With fewer rows their vectors are partly empty; with weights beyond
   the second-level cache the blocking of BLAS is better. */
#define TILE_ROWS    16
#define TILE_WEIGHTS (1 << 20)

static bool linear_uses_tiles(const struct linear_shape *shape)
{
    return shape->n >= TILE_ROWS && shape->in <= TILE_WEIGHTS / shape->out;
}

/* Features of the next product by BLAS: a panel, or what is left. */
static int linear_panel_width(struct span left)
{
    int width = left.end - left.begin;
    return width < BLAS_FEATURES ? width : BLAS_FEATURES;
}

void linear_forward(const struct team *team, const struct linear_shape *shape, float *y,
                    const float *x, const float *weight, const float *bias)
{
    bool small = linear_uses_tiles(shape);
    struct span f = share_panels(team, shape->out, small ? TILE_FEATURES : BLAS_FEATURES);
    if (small && f.end > f.begin && !bias)
        kernels()->fill_rows(y + f.begin, NULL, shape->n, f.end - f.begin, shape->out);
    if (small && f.end > f.begin)
        kernels()->linear_forward(shape, f, y, x, weight, bias);
    for (int width; !small && (width = linear_panel_width(f)) > 0; f.begin += width) {
        kernels()->fill_rows(y + f.begin, bias ? bias + f.begin : NULL, shape->n, width,
                             shape->out);
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, shape->n, width, shape->in,
                    1.0f, x, shape->in, weight + (size_t)f.begin * (size_t)shape->in,
                    shape->in, 1.0f, y + f.begin, shape->out);
    }
    team_barrier(team);
}

void linear_backward_weight(const struct team *team, const struct linear_shape *shape,
                            float *dweight, float *dbias, const float *x, const float *dy)
{
    bool small = linear_uses_tiles(shape);
    struct span f = share_panels(team, shape->out, small ? TILE_FEATURES : BLAS_FEATURES);
    if (dbias && f.end > f.begin)
        kernels()->sum_rows(dbias + f.begin, dy + f.begin, shape->n, f.end - f.begin,
                            shape->out);
    if (small && f.end > f.begin)
        kernels()->linear_weight(shape, f, dweight, dy, x);
    for (int width; !small && (width = linear_panel_width(f)) > 0; f.begin += width)
        cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, width, shape->in, shape->n,
                    1.0f, dy + f.begin, shape->out, x, shape->in, 0.0f,
                    dweight + (size_t)f.begin * (size_t)shape->in, shape->in);
    team_barrier(team);
}

void linear_backward_data(const struct team *team, const struct linear_shape *shape,
                          float *dx, const float *dy, const float *weight)
{
    bool small = linear_uses_tiles(shape);
    struct span f = share_panels(team, shape->in, small ? TILE_FEATURES : BLAS_FEATURES);
    if (small && f.end > f.begin)
        kernels()->linear_data(shape, f, dx, dy, weight);
    for (int width; !small && (width = linear_panel_width(f)) > 0; f.begin += width)
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, shape->n, width,
                    shape->out, 1.0f, dy, shape->out, weight + f.begin, shape->in, 0.0f,
                    dx + f.begin, shape->in);
    team_barrier(team);
}
