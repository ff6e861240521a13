#include "kernels/depthwise.h"

#include <string.h>

#include "kernels/kernels.h"
#include "share.h"

#define DEPTHWISE_CHANNELS 16 /* one cache line: no two members write to the same one */

struct split_sets depthwise_splits(const struct conv_shape *shape)
{
    unsigned channel = shape->c > DEPTHWISE_CHANNELS ? SPLIT_BIT(SPLIT_CHANNEL) : 0;
    unsigned any = channel | SPLIT_BIT(SPLIT_BATCH) | SPLIT_BIT(SPLIT_HYBRID) |
                   SPLIT_BIT(SPLIT_SPATIAL);
    return (struct split_sets){any, any};
}

static size_t depthwise_image(int rows, int columns, int channels)
{
    return (size_t)rows * (size_t)columns * (size_t)channels;
}

void depthwise_forward(const struct team *team, const struct conv_shape *shape, float *y,
                       const float *x, const struct depthwise_by *by)
{
    const struct share_extent extent = {shape->n, shape->p, shape->c};
    struct share share = share_begin(team, &extent, DEPTHWISE_CHANNELS);
    while (share_next(&share)) {
        size_t image = (size_t)share.image;
        kernels()->depthwise_forward(
            shape, share.rows, share.channels,
            y + image * depthwise_image(shape->p, shape->q, shape->c),
            x + image * depthwise_image(shape->h, shape->w, shape->c), by);
    }
    team_barrier(team);
}

/* A sum over all images: the team divides the channels. */
void depthwise_backward_weight(const struct team *team, const struct conv_shape *shape,
                               float *dweight, const float *x, const float *dy,
                               bool goes_on)
{
    struct span own = share_panels(team, shape->c, DEPTHWISE_CHANNELS);
    int taps = own.end > own.begin ? shape->r.size * shape->s.size : 0;
    for (int tap = 0; tap < taps && !goes_on; tap++)
        memset(dweight + (ptrdiff_t)tap * shape->c + own.begin, 0,
               (size_t)(own.end - own.begin) * sizeof *dweight);
    if (taps > 0)
        kernels()->depthwise_weight(shape, own, dweight, x, dy);
    team_barrier(team);
}

void depthwise_backward_data(const struct team *team, const struct conv_shape *shape,
                             float *dx, const float *dy, const float *weight)
{
    const struct share_extent extent = {shape->n, shape->h, shape->c};
    struct share share = share_begin(team, &extent, DEPTHWISE_CHANNELS);
    while (share_next(&share)) {
        size_t image = (size_t)share.image;
        kernels()->depthwise_data(
            shape, share.rows, share.channels,
            dx + image * depthwise_image(shape->h, shape->w, shape->c),
            dy + image * depthwise_image(shape->p, shape->q, shape->c), weight);
    }
    team_barrier(team);
}
