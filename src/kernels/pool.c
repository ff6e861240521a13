#include "kernels/pool.h"

#include <stddef.h>

#include "kernels/kernels.h"
#include "share.h"

#define POOL_CHANNELS 16 /* one cache line: no two members write to the same one */

void pool_shape_complete(struct pool_shape *shape)
{
    shape->p = window_outputs(&shape->r, shape->h);
    shape->q = window_outputs(&shape->s, shape->w);
}

static struct share pool_share(const struct team *team, const struct pool_shape *shape)
{
    const struct share_extent extent = {shape->n, shape->p, shape->c};
    return share_begin(team, &extent, POOL_CHANNELS);
}

/* Windows that overlap add to the same rows of dx: then rows are not shared out. */
static bool pool_overlaps(const struct pool_shape *shape)
{
    return shape->r.size > shape->r.stride;
}

static struct share pool_share_backward(const struct team *team,
                                        const struct pool_shape *shape)
{
    struct team adapted = *team;
    if (team->split == SPLIT_SPATIAL && pool_overlaps(shape))
        adapted.split = SPLIT_AUTO;
    return pool_share(&adapted, shape);
}

struct split_sets pool_splits(const struct pool_shape *shape)
{
    unsigned channel = shape->c > POOL_CHANNELS ? SPLIT_BIT(SPLIT_CHANNEL) : 0;
    unsigned any = channel | SPLIT_BIT(SPLIT_BATCH) | SPLIT_BIT(SPLIT_HYBRID);
    unsigned spatial = SPLIT_BIT(SPLIT_SPATIAL);
    return (struct split_sets){any | spatial, any | (pool_overlaps(shape) ? 0 : spatial)};
}

static size_t pool_in_size(const struct pool_shape *shape)
{
    return (size_t)shape->h * (size_t)shape->w * (size_t)shape->c;
}

static size_t pool_out_size(const struct pool_shape *shape)
{
    return (size_t)shape->p * (size_t)shape->q * (size_t)shape->c;
}

void maxpool_forward(const struct team *team, const struct pool_shape *shape, float *y,
                     uint8_t *argmax, const float *x)
{
    struct share share = pool_share(team, shape);
    while (share_next(&share)) {
        size_t in = (size_t)share.image * pool_in_size(shape);
        size_t out = (size_t)share.image * pool_out_size(shape);
        kernels()->maxpool_forward(shape, share.rows, share.channels, y + out,
                                   argmax ? argmax + out : NULL, x + in);
    }
    team_barrier(team);
}

void maxpool_backward(const struct team *team, const struct pool_shape *shape, float *dx,
                      const float *dy, const uint8_t *argmax)
{
    struct share share = pool_share_backward(team, shape);
    while (share_next(&share)) {
        size_t in = (size_t)share.image * pool_in_size(shape);
        size_t out = (size_t)share.image * pool_out_size(shape);
        kernels()->maxpool_backward(shape, share.rows, share.channels, dx + in, dy + out,
                                    argmax + out);
    }
    team_barrier(team);
}

void avgpool_forward(const struct team *team, const struct pool_shape *shape, float *y,
                     const float *x)
{
    struct share share = pool_share(team, shape);
    while (share_next(&share)) {
        size_t in = (size_t)share.image * pool_in_size(shape);
        size_t out = (size_t)share.image * pool_out_size(shape);
        kernels()->avgpool_forward(shape, share.rows, share.channels, y + out, x + in);
    }
    team_barrier(team);
}

void avgpool_backward(const struct team *team, const struct pool_shape *shape, float *dx,
                      const float *dy)
{
    struct share share = pool_share_backward(team, shape);
    while (share_next(&share)) {
        size_t in = (size_t)share.image * pool_in_size(shape);
        size_t out = (size_t)share.image * pool_out_size(shape);
        kernels()->avgpool_backward(shape, share.rows, share.channels, dx + in, dy + out);
    }
    team_barrier(team);
}

/* --- all pixels --- */

static struct share globalavgpool_share(const struct team *team,
                                        const struct globalavgpool_shape *shape)
{
    const struct share_extent extent = {shape->n, 1, shape->c};
    return share_begin(team, &extent, POOL_CHANNELS);
}

void globalavgpool_forward(const struct team *team,
                           const struct globalavgpool_shape *shape, float *y,
                           const float *x)
{
    struct share share = globalavgpool_share(team, shape);
    float scale = 1.0f / (float)shape->pixels;
    while (share_next(&share)) {
        size_t image = (size_t)share.image * (size_t)shape->c;
        int begin = share.channels.begin, end = share.channels.end;
        kernels()->sum_rows(y + image + begin, x + image * (size_t)shape->pixels + begin,
                            shape->pixels, end - begin, shape->c);
        for (int c = begin; c < end; c++)
            y[image + (size_t)c] *= scale;
    }
    team_barrier(team);
}

void globalavgpool_backward(const struct team *team,
                            const struct globalavgpool_shape *shape, float *dx,
                            const float *dy)
{
    enum { WIDTH = 256 };
    struct share share = globalavgpool_share(team, shape);
    float part[WIDTH], scale = 1.0f / (float)shape->pixels;
    while (share_next(&share)) {
        size_t image = (size_t)share.image * (size_t)shape->c;
        for (int c = share.channels.begin, width; c < share.channels.end; c += width) {
            width = share.channels.end - c < WIDTH ? share.channels.end - c : WIDTH;
            for (int i = 0; i < width; i++)
                part[i] = dy[image + (size_t)(c + i)] * scale;
            kernels()->fill_rows(dx + image * (size_t)shape->pixels + c, part,
                                 shape->pixels, width, shape->c);
        }
    }
    team_barrier(team);
}
