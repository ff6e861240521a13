#include "kernels/conv.h"

#include "conv_direct.h"
#include "conv_gemm.h"
#include "kernels/depthwise.h"
#include "kernels/kernels.h"
#include "share.h"

#define BIAS_PANEL 16 /* output channels of a bias sum */

void conv_shape_complete(struct conv_shape *shape)
{
    shape->p = window_outputs(&shape->r, shape->h);
    shape->q = window_outputs(&shape->s, shape->w);
}

static void conv_sum_bias(const struct team *team, const struct conv_shape *shape,
                          float *dbias, const float *dy)
{
    struct span own = share_panels(team, shape->k, BIAS_PANEL);
    for (; own.begin < own.end; own.begin += BIAS_PANEL) {
        int left = own.end - own.begin;
        kernels()->sum_rows(dbias + own.begin, dy + own.begin,
                            shape->n * shape->p * shape->q,
                            left < BIAS_PANEL ? left : BIAS_PANEL, shape->k);
    }
}

void conv_forward(const struct team *team, const struct conv_shape *shape, float *y,
                  const float *x, const float *weight, const float *bias, void *scratch)
{
    if (conv_is_depthwise(shape))
        depthwise_forward(team, shape, y, x, weight, bias);
    else if (conv_direct_applies(shape))
        conv_direct_forward(team, shape, y, x, weight, bias, scratch);
    else
        conv_gemm_forward(team, shape, y, x, weight, bias, scratch);
}

void conv_backward_weight(const struct team *team, const struct conv_shape *shape,
                          float *dweight, float *dbias, const float *x, const float *dy,
                          void *scratch)
{
    if (conv_is_depthwise(shape)) {
        depthwise_backward_weight(team, shape, dweight, dbias, x, dy);
        return;
    }
    if (dbias)
        conv_sum_bias(team, shape, dbias, dy);
    if (conv_direct_applies(shape))
        conv_direct_backward_weight(team, shape, dweight, x, dy, scratch);
    else
        conv_gemm_backward_weight(team, shape, dweight, x, dy, scratch);
    team_barrier(team);
}

void conv_backward_data(const struct team *team, const struct conv_shape *shape,
                        float *dx, const float *dy, const float *weight, void *scratch)
{
    if (conv_is_depthwise(shape))
        depthwise_backward_data(team, shape, dx, dy, weight);
    else
        conv_gemm_backward_data(team, shape, dx, dy, weight, scratch);
}

struct split_sets conv_splits(const struct conv_shape *shape)
{
    unsigned both = SPLIT_BIT(SPLIT_HYBRID), spatial = SPLIT_BIT(SPLIT_SPATIAL);
    unsigned channel = SPLIT_BIT(SPLIT_CHANNEL), filter = SPLIT_BIT(SPLIT_FILTER);
    if (conv_is_depthwise(shape))
        return depthwise_splits(shape);
    if (conv_direct_applies(shape))
        return (struct split_sets){
            .forward = spatial | (shape->k > CONV_DIRECT_CHANNELS ? channel : 0),
            .backward = filter,
        };
    return (struct split_sets){
        .forward = spatial | both |
                   (shape->k / conv_groups(shape) > CONV_GEMM_PANEL ? channel : 0),
        .backward =
            filter | (shape->k / conv_groups(shape) > CONV_GEMM_PANEL ? channel : 0),
    };
}

size_t conv_scratch(const struct conv_shape *shape)
{
    if (conv_is_depthwise(shape))
        return 0;
    size_t gemm = conv_gemm_scratch(shape);
    size_t direct = conv_direct_applies(shape) ? conv_direct_scratch(shape) : 0;
    return gemm > direct ? gemm : direct;
}
