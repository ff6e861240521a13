#include "kernels/pool.h"

#include <stdbool.h>
#include <stddef.h>

#include "kernels/kernels.h"

#define CHANNELS 16 /* one cache line: two members never write to the same */

void pool_shape_complete(struct pool_shape *shape)
{
    shape->p = (shape->h + 2 * shape->pad - shape->size) / shape->stride + 1;
    shape->q = (shape->w + 2 * shape->pad - shape->size) / shape->stride + 1;
}

/* A member's work is a range of (image, 16 channels); an iteration is what it has of one
   image. The windows of a channel are never split, so the bits do not depend on it. */
struct share {
    int next, end; /* in units of (image, 16 channels) */
    int image;
    struct span channels;
};

static struct share share_begin(const struct team *team, const struct pool_shape *shape)
{
    struct share share = {0};
    int panels = (shape->c + CHANNELS - 1) / CHANNELS;
    team_split(team, shape->n * panels, &share.next, &share.end);
    return share;
}

static bool share_next(struct share *share, const struct pool_shape *shape)
{
    if (share->next >= share->end)
        return false;
    int panels = (shape->c + CHANNELS - 1) / CHANNELS;
    int first = share->next % panels, last = first + share->end - share->next;
    if (last > panels)
        last = panels;
    share->image = share->next / panels;
    share->channels.begin = first * CHANNELS;
    share->channels.end = last == panels ? shape->c : last * CHANNELS;
    share->next += last - first;
    return true;
}

static size_t in_size(const struct pool_shape *shape)
{
    return (size_t)shape->h * (size_t)shape->w * (size_t)shape->c;
}

static size_t out_size(const struct pool_shape *shape)
{
    return (size_t)shape->p * (size_t)shape->q * (size_t)shape->c;
}

void maxpool_forward(const struct team *team, const struct pool_shape *shape, float *y,
                     uint8_t *argmax, const float *x)
{
    struct share share = share_begin(team, shape);
    while (share_next(&share, shape)) {
        size_t in = (size_t)share.image * in_size(shape);
        size_t out = (size_t)share.image * out_size(shape);
        kernels()->maxpool_forward(shape, share.channels, y + out,
                                   argmax ? argmax + out : NULL, x + in);
    }
    team_barrier(team);
}

void maxpool_backward(const struct team *team, const struct pool_shape *shape, float *dx,
                      const float *dy, const uint8_t *argmax)
{
    struct share share = share_begin(team, shape);
    while (share_next(&share, shape)) {
        size_t in = (size_t)share.image * in_size(shape);
        size_t out = (size_t)share.image * out_size(shape);
        kernels()->maxpool_backward(shape, share.channels, dx + in, dy + out,
                                    argmax + out);
    }
    team_barrier(team);
}

void avgpool_forward(const struct team *team, const struct pool_shape *shape, float *y,
                     const float *x)
{
    struct share share = share_begin(team, shape);
    while (share_next(&share, shape)) {
        size_t in = (size_t)share.image * in_size(shape);
        size_t out = (size_t)share.image * out_size(shape);
        kernels()->avgpool_forward(shape, share.channels, y + out, x + in);
    }
    team_barrier(team);
}

void avgpool_backward(const struct team *team, const struct pool_shape *shape, float *dx,
                      const float *dy)
{
    struct share share = share_begin(team, shape);
    while (share_next(&share, shape)) {
        size_t in = (size_t)share.image * in_size(shape);
        size_t out = (size_t)share.image * out_size(shape);
        kernels()->avgpool_backward(shape, share.channels, dx + in, dy + out);
    }
    team_barrier(team);
}
