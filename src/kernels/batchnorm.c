#include "kernels/batchnorm.h"

#include <math.h>

#include "base/arena.h"
#include "kernels/kernels.h"
#include "share.h"

#define BATCHNORM_CHANNELS 16 /* one cache line: no two members write to the same one */

/* (N, C) sums of the images, and factors (C) of the channels. */
struct batchnorm_room {
    double *sum[2];
    float *factor[3];
};

static size_t batchnorm_lay_out(struct batchnorm_room *room,
                                const struct batchnorm_shape *shape, void *scratch)
{
    struct arena arena = {.memory = scratch};
    size_t c = (size_t)shape->c, sums = (size_t)shape->n * c;
    for (int i = 0; i < 2; i++)
        room->sum[i] = arena_take(&arena, sums * sizeof(double));
    for (int i = 0; i < 3; i++)
        room->factor[i] = arena_take(&arena, c * sizeof(float));
    return arena.used;
}

size_t batchnorm_scratch(const struct batchnorm_shape *shape)
{
    struct batchnorm_room room;
    return batchnorm_lay_out(&room, shape, NULL);
}

struct split_sets batchnorm_splits(const struct batchnorm_shape *shape)
{
    unsigned channel = shape->c > BATCHNORM_CHANNELS ? SPLIT_BIT(SPLIT_CHANNEL) : 0;
    unsigned any = channel | SPLIT_BIT(SPLIT_BATCH) | SPLIT_BIT(SPLIT_HYBRID);
    return (struct split_sets){any, any};
}

/* Images and panels of channels. */
static struct share batchnorm_share(const struct team *team,
                                    const struct batchnorm_shape *shape)
{
    const struct share_extent extent = {shape->n, 1, shape->c};
    return share_begin(team, &extent, BATCHNORM_CHANNELS);
}

/* Where the share's channels of its image begin, in x and in the sums. */
static size_t batchnorm_at(const struct batchnorm_shape *shape, const struct share *share,
                           int rows)
{
    return (size_t)share->image * (size_t)rows * (size_t)shape->c +
           (size_t)share->channels.begin;
}

/* The pixels of the share's image in its channels. */
static struct matrix batchnorm_matrix(const struct batchnorm_shape *shape,
                                      const struct share *share)
{
    return (struct matrix){shape->pixels, share->channels.end - share->channels.begin,
                           shape->c};
}

/* The channels whose sums over the images this member completes. */
static struct span batchnorm_own(const struct team *team,
                                 const struct batchnorm_shape *shape)
{
    return share_panels(team, shape->c, BATCHNORM_CHANNELS);
}

static double batchnorm_total(const struct batchnorm_shape *shape, const double *sum,
                              int c)
{
    double total = 0;
    for (int i = 0; i < shape->n; i++)
        total += sum[(size_t)i * (size_t)shape->c + (size_t)c];
    return total;
}

static double batchnorm_values(const struct batchnorm_shape *shape)
{
    return (double)shape->n * shape->pixels;
}

/* mean[c] or, about a mean, variance[c]. */
static void batchnorm_average(const struct team *team,
                              const struct batchnorm_shape *shape, float *average,
                              const float *x, const float *mean, double *sum)
{
    struct share share = batchnorm_share(team, shape);
    while (share_next(&share)) {
        const float *from = x + batchnorm_at(shape, &share, shape->pixels);
        double *to = sum + batchnorm_at(shape, &share, 1);
        const struct matrix m = batchnorm_matrix(shape, &share);
        if (mean)
            kernels()->sum_squares(to, from, mean + share.channels.begin, &m);
        else
            kernels()->sum_channels(to, from, &m);
    }
    team_barrier(team);
    struct span own = batchnorm_own(team, shape);
    for (int c = own.begin; c < own.end; c++)
        average[c] = (float)(batchnorm_total(shape, sum, c) / batchnorm_values(shape));
    team_barrier(team);
}

void batchnorm_moments(const struct team *team, const struct batchnorm_shape *shape,
                       float *mean, float *variance, const float *x, void *scratch)
{
    struct batchnorm_room room;
    batchnorm_lay_out(&room, shape, scratch);
    batchnorm_average(team, shape, mean, x, NULL, room.sum[0]);
    batchnorm_average(team, shape, variance, x, mean, room.sum[0]);
}

static double batchnorm_inverse(const struct batchnorm_by *by, int c)
{
    return 1.0 / sqrt((double)by->variance[c] + (double)by->epsilon);
}

void batchnorm_forward(const struct team *team, const struct batchnorm_shape *shape,
                       float *y, const float *x, const struct batchnorm_by *by,
                       void *scratch)
{
    struct batchnorm_room room;
    batchnorm_lay_out(&room, shape, scratch);
    struct span own = batchnorm_own(team, shape);
    for (int c = own.begin; c < own.end; c++) {
        double weight = by->weight ? (double)by->weight[c] : 1.0;
        room.factor[0][c] = (float)(weight * batchnorm_inverse(by, c));
        room.factor[1][c] = by->bias ? by->bias[c] : 0.0f;
    }
    team_barrier(team);
    struct share share = batchnorm_share(team, shape);
    while (share_next(&share)) {
        size_t at = batchnorm_at(shape, &share, shape->pixels);
        int c = share.channels.begin;
        const struct matrix m = batchnorm_matrix(shape, &share);
        kernels()->normalise(y + at, x + at, by->mean + c, room.factor[0] + c,
                             room.factor[1] + c, &m);
    }
    team_barrier(team);
}

/* --- backward --- */

/* From the sums of dy and dy (x - mean): the parameters' gradients, and the factors with
   which dx = factor[0] dy + factor[1] (x - mean) + factor[2]. */
static void batchnorm_finish_sums(const struct team *team,
                                  const struct batchnorm_shape *shape,
                                  const struct batchnorm_gradient *gradient,
                                  const struct batchnorm_by *by,
                                  const struct batchnorm_room *room)
{
    struct span own = batchnorm_own(team, shape);
    double values = batchnorm_values(shape);
    for (int c = own.begin; c < own.end; c++) {
        double sum = batchnorm_total(shape, room->sum[0], c);
        double product = batchnorm_total(shape, room->sum[1], c);
        double inverse = batchnorm_inverse(by, c);
        double scale = inverse * (by->weight ? (double)by->weight[c] : 1.0);
        double through = gradient->given ? 0.0 : scale / values;
        if (gradient->dweight)
            gradient->dweight[c] = (float)(product * inverse);
        if (gradient->dbias)
            gradient->dbias[c] = (float)sum;
        room->factor[0][c] = (float)scale;
        room->factor[1][c] = (float)(-through * inverse * inverse * product);
        room->factor[2][c] = (float)(-through * sum);
    }
    team_barrier(team);
}

void batchnorm_backward(const struct team *team, const struct batchnorm_shape *shape,
                        const struct batchnorm_gradient *gradient,
                        const struct batchnorm_by *by, void *scratch)
{
    struct batchnorm_room room;
    batchnorm_lay_out(&room, shape, scratch);
    struct share share = batchnorm_share(team, shape);
    while (share_next(&share)) {
        size_t at = batchnorm_at(shape, &share, shape->pixels);
        size_t to = batchnorm_at(shape, &share, 1);
        const struct matrix m = batchnorm_matrix(shape, &share);
        kernels()->sum_gradients(room.sum[0] + to, room.sum[1] + to, gradient->dy + at,
                                 gradient->x + at, by->mean + share.channels.begin, &m);
    }
    team_barrier(team);
    batchnorm_finish_sums(team, shape, gradient, by, &room);
    if (!gradient->dx)
        return;
    share = batchnorm_share(team, shape);
    while (share_next(&share)) {
        size_t at = batchnorm_at(shape, &share, shape->pixels);
        int c = share.channels.begin;
        const struct matrix m = batchnorm_matrix(shape, &share);
        const float *const factor[] = {room.factor[0] + c, room.factor[1] + c,
                                       room.factor[2] + c};
        kernels()->normalise_backward(gradient->dx + at, gradient->dy + at,
                                      gradient->x + at, by->mean + c, factor, &m);
    }
    team_barrier(team);
}
