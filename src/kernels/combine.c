#include "kernels/combine.h"

#include "elements.h"
#include "kernels/kernels.h"
#include "share.h"

#define SCALE_CHANNELS 16 /* one cache line: no two members write to the same one */

void combine_add(const struct team *team, float *y, const float *a, const float *b,
                 size_t n)
{
    size_t count, first = elements_share(team, n, &count);
    kernels()->add(y + first, a + first, b + first, count);
    team_barrier(team);
}

void combine_multiply(const struct team *team, float *y, const float *a, const float *b,
                      size_t n)
{
    size_t count, first = elements_share(team, n, &count);
    kernels()->multiply(y + first, a + first, b + first, count);
    team_barrier(team);
}

static struct share scale_share(const struct team *team, const struct scale_shape *shape)
{
    const struct share_extent extent = {shape->n, 1, shape->channels};
    return share_begin(team, &extent, SCALE_CHANNELS);
}

/* The pixels of the share's image in its channels. */
static struct matrix scale_matrix(const struct scale_shape *shape,
                                  const struct share *share)
{
    return (struct matrix){shape->pixels, share->channels.end - share->channels.begin,
                           shape->channels};
}

void scale_forward(const struct team *team, const struct scale_shape *shape, float *y,
                   const float *x, const float *scale)
{
    struct share share = scale_share(team, shape);
    while (share_next(&share)) {
        size_t c = (size_t)share.channels.begin, channels = (size_t)shape->channels;
        size_t at = (size_t)share.image * (size_t)shape->pixels * channels + c;
        const struct matrix m = scale_matrix(shape, &share);
        kernels()->scale_rows(y + at, x + at, scale + (size_t)share.image * channels + c,
                              &m);
    }
    team_barrier(team);
}

void scale_backward(const struct team *team, const struct scale_shape *shape,
                    float *dscale, const float *dy, const float *x)
{
    struct share share = scale_share(team, shape);
    while (share_next(&share)) {
        size_t c = (size_t)share.channels.begin, channels = (size_t)shape->channels;
        size_t at = (size_t)share.image * (size_t)shape->pixels * channels + c;
        const struct matrix m = scale_matrix(shape, &share);
        kernels()->sum_products(dscale + (size_t)share.image * channels + c, dy + at,
                                x + at, &m);
    }
    team_barrier(team);
}
