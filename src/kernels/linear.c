#include "kernels/linear.h"

#include "kernels/kernels.h"
#include "share.h"

#define LINEAR_FEATURES 16 /* of the smallest share: no vector is cut */

void linear_forward(const struct team *team, const struct linear_shape *shape, float *y,
                    const float *x, const float *weight, const float *bias)
{
    struct span f = share_panels(team, shape->out, LINEAR_FEATURES);
    if (f.end > f.begin)
        kernels()->linear_forward(shape, f, y, x, weight, bias);
    team_barrier(team);
}

void linear_backward_weight(const struct team *team, const struct linear_shape *shape,
                            float *dweight, float *dbias, const float *x, const float *dy)
{
    struct span f = share_panels(team, shape->out, LINEAR_FEATURES);
    if (dbias && f.end > f.begin)
        kernels()->sum_rows(dbias + f.begin, dy + f.begin, shape->n, f.end - f.begin,
                            shape->out);
    if (f.end > f.begin)
        kernels()->linear_weight(shape, f, dweight, dy, x);
    team_barrier(team);
}

void linear_backward_data(const struct team *team, const struct linear_shape *shape,
                          float *dx, const float *dy, const float *weight)
{
    struct span f = share_panels(team, shape->in, LINEAR_FEATURES);
    if (f.end > f.begin)
        kernels()->linear_data(shape, f, dx, dy, weight);
    team_barrier(team);
}

const struct linear_passes linear_portable = {linear_forward, linear_backward_weight,
                                              linear_backward_data};
