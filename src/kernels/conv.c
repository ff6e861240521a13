#include "kernels/conv.h"

#include "kernels/depthwise.h"
#include "kernels/kernels.h"
#include "share.h"

#define BIAS_PANEL     16 /* the smallest share of a bias sum: a cache line */
#define CHANNELS_LEAST 32 /* of a result, to divide them */

void conv_shape_complete(struct conv_shape *shape)
{
    shape->p = window_outputs(&shape->r, shape->h);
    shape->q = window_outputs(&shape->s, shape->w);
}

struct split_sets conv_splits(const struct conv_shape *shape)
{
    unsigned pixels = SPLIT_BIT(SPLIT_SPATIAL), channel = SPLIT_BIT(SPLIT_CHANNEL);
    if (conv_is_depthwise(shape))
        return depthwise_splits(shape);
    return (struct split_sets){
        .forward = pixels | (shape->k >= CHANNELS_LEAST ? channel : 0),
        .backward = pixels | (shape->c >= CHANNELS_LEAST ? channel : 0),
    };
}

void conv_backward_bias(const struct team *team, const struct conv_shape *shape,
                        float *dbias, const float *dy)
{
    struct span own = share_panels(team, shape->k, BIAS_PANEL);
    kernels()->sum_rows(dbias + own.begin, dy + own.begin, shape->n * shape->p * shape->q,
                        own.end - own.begin, shape->k);
    team_barrier(team);
}
