#include "kernels/batchnorm.h"

#include <math.h>

#include "base/arena.h"
#include "kernels/kernels.h"
#include "share.h"

#define BATCHNORM_CHANNELS 16 /* one cache line: no two members write to the same one */

/* (N, C) sums of the images, and factors (C) of the channels: y = (x - mean) scale +
   shift, dx = factor[0] dz + factor[1] (x - mean) + factor[2]. */
struct batchnorm_room {
    double *sum[2];
    float *scale, *shift, *factor[3];
};

static size_t batchnorm_lay_out(struct batchnorm_room *room,
                                const struct batchnorm_shape *shape, void *memory)
{
    struct arena arena = {.memory = memory};
    size_t c = (size_t)shape->c, sums = (size_t)shape->n * c;
    for (int i = 0; i < 2; i++)
        room->sum[i] = arena_take(&arena, sums * sizeof(double));
    room->scale = arena_take(&arena, c * sizeof(float));
    room->shift = arena_take(&arena, c * sizeof(float));
    room->factor[0] = room->scale;
    for (int i = 1; i < 3; i++)
        room->factor[i] = arena_take(&arena, c * sizeof(float));
    return arena.used;
}

size_t batchnorm_room_bytes(const struct batchnorm_shape *shape)
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

/* Some images and panels of channels. */
static struct share batchnorm_share(const struct team *team,
                                    const struct batchnorm_shape *shape,
                                    struct span images)
{
    const struct share_extent extent = {images.end - images.begin, 1, shape->c};
    return share_begin(team, &extent, BATCHNORM_CHANNELS);
}

/* Where the share's channels of its image begin in x, which begins with the images. */
static size_t batchnorm_at(const struct batchnorm_shape *shape, const struct share *share)
{
    return (size_t)share->image * (size_t)shape->pixels * (size_t)shape->c +
           (size_t)share->channels.begin;
}

/* The same in the sums, which are those of the whole grain. */
static size_t batchnorm_sum_at(const struct batchnorm_shape *shape,
                               const struct share *share, struct span images)
{
    return (size_t)(images.begin + share->image) * (size_t)shape->c +
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

/* From the images' moments: they have the same number of pixels. */
static void batchnorm_average(const struct batchnorm_shape *shape,
                              const struct batchnorm_room *room, int c, float *mean,
                              float *variance)
{
    double centre = batchnorm_total(shape, room->sum[0], c) / shape->n, between = 0;
    for (int i = 0; i < shape->n; i++) {
        double d = room->sum[0][(size_t)i * (size_t)shape->c + (size_t)c] - centre;
        between += d * d;
    }
    double within = batchnorm_total(shape, room->sum[1], c);
    mean[c] = (float)centre;
    variance[c] = (float)((within + between * shape->pixels) / batchnorm_values(shape));
}

void batchnorm_gather(const struct team *team, const struct batchnorm_shape *shape,
                      struct span images, const float *x, void *memory)
{
    struct batchnorm_room room;
    batchnorm_lay_out(&room, shape, memory);
    struct share share = batchnorm_share(team, shape, images);
    while (share_next(&share)) {
        size_t to = batchnorm_sum_at(shape, &share, images);
        const struct matrix m = batchnorm_matrix(shape, &share);
        kernels()->norm.moments(room.sum[0] + to, room.sum[1] + to,
                                x + batchnorm_at(shape, &share), &m);
    }
    team_barrier(team);
}

void batchnorm_settle(const struct team *team, const struct batchnorm_shape *shape,
                      float *mean, float *variance, void *memory)
{
    struct batchnorm_room room;
    batchnorm_lay_out(&room, shape, memory);
    struct span own = batchnorm_own(team, shape);
    for (int c = own.begin; c < own.end; c++)
        batchnorm_average(shape, &room, c, mean, variance);
    team_barrier(team);
}

static double batchnorm_inverse(const struct batchnorm_by *by, int c)
{
    return 1.0 / sqrt((double)by->variance[c] + (double)by->epsilon);
}

void batchnorm_set_line(const struct team *team, const struct batchnorm_shape *shape,
                        const struct batchnorm_by *by, void *memory)
{
    struct batchnorm_room room;
    batchnorm_lay_out(&room, shape, memory);
    struct span own = batchnorm_own(team, shape);
    for (int c = own.begin; c < own.end; c++) {
        double weight = by->weight ? (double)by->weight[c] : 1.0;
        room.scale[c] = (float)(weight * batchnorm_inverse(by, c));
        room.shift[c] = by->bias ? by->bias[c] : 0.0f;
    }
    team_barrier(team);
}

/* What the kernels of channels from c on normalise by. */
static struct prologue batchnorm_as_prologue(const struct batchnorm_by *by,
                                             const struct batchnorm_room *room, int c)
{
    return (struct prologue){by->mean + c, room->scale + c, room->shift + c,
                             by->activation};
}

void batchnorm_emit(const struct team *team, const struct batchnorm_shape *shape,
                    struct span images, const struct batchnorm_values *values,
                    const struct batchnorm_by *by, void *memory)
{
    struct batchnorm_room room;
    const float *x = values->x, *z = values->z;
    batchnorm_lay_out(&room, shape, memory);
    struct share share = batchnorm_share(team, shape, images);
    while (share_next(&share)) {
        size_t at = batchnorm_at(shape, &share);
        const struct prologue line =
            batchnorm_as_prologue(by, &room, share.channels.begin);
        const struct matrix m = batchnorm_matrix(shape, &share);
        kernels()->norm.normalise(values->y + at, x + at, z ? z + at : NULL, &line, &m);
    }
    team_barrier(team);
}

/* --- backward --- */

/* Is dz so dear that it is written once instead of being computed twice? */
static bool batchnorm_keeps_dz(enum activation activation)
{
    return activation == ACTIVATION_GELU || activation == ACTIVATION_SIGMOID ||
           activation == ACTIVATION_SILU;
}

/* Where dz is written and read again; NULL: nowhere. */
static float *batchnorm_dz(const struct batchnorm_gradient *gradient,
                           const struct batchnorm_by *by)
{
    bool keeps = batchnorm_keeps_dz(by->activation);
    return gradient->dz ? gradient->dz : keeps ? gradient->dx : NULL;
}

/* The sums of the images, and what the gradient has of dz and dx. */
static void batchnorm_sums(const struct team *team, const struct batchnorm_shape *shape,
                           struct span images, const struct batchnorm_gradient *gradient,
                           const struct batchnorm_by *by, void *memory)
{
    const struct batchnorm_gradient *g = gradient;
    struct batchnorm_room room;
    batchnorm_lay_out(&room, shape, memory);
    struct share share = batchnorm_share(team, shape, images);
    while (share_next(&share)) {
        size_t at = batchnorm_at(shape, &share);
        size_t to = batchnorm_sum_at(shape, &share, images);
        const struct matrix m = batchnorm_matrix(shape, &share);
        const struct prologue line =
            batchnorm_as_prologue(by, &room, share.channels.begin);
        const struct normalise_gradient here = {
            g->dy + at, g->x + at, g->y ? g->y + at : NULL, g->dz ? g->dz + at : NULL,
            g->dx ? g->dx + at : NULL};
        kernels()->norm.normalise_sums(room.sum[0] + to, room.sum[1] + to, &here, &line,
                                       &m);
    }
    team_barrier(team);
}

void batchnorm_gather_back(const struct team *team, const struct batchnorm_shape *shape,
                           struct span images, const struct batchnorm_gradient *gradient,
                           const struct batchnorm_by *by, void *memory)
{
    struct batchnorm_gradient sums = *gradient;
    sums.dz = batchnorm_dz(gradient, by);
    sums.dx = NULL;
    batchnorm_sums(team, shape, images, &sums, by, memory);
}

void batchnorm_back_given(const struct team *team, const struct batchnorm_shape *shape,
                          struct span images, const struct batchnorm_gradient *gradient,
                          const struct batchnorm_by *by, void *memory)
{
    batchnorm_sums(team, shape, images, gradient, by, memory);
}

/* From the sums of dz and dz (x - mean). */
void batchnorm_settle_back(const struct team *team, const struct batchnorm_shape *shape,
                           const struct batchnorm_gradient *gradient,
                           const struct batchnorm_by *by, void *memory)
{
    struct batchnorm_room room;
    batchnorm_lay_out(&room, shape, memory);
    struct span own = batchnorm_own(team, shape);
    double values = batchnorm_values(shape);
    for (int c = own.begin; c < own.end; c++) {
        double sum = batchnorm_total(shape, room.sum[0], c);
        double product = batchnorm_total(shape, room.sum[1], c);
        double inverse = batchnorm_inverse(by, c);
        double scale = inverse * (by->weight ? (double)by->weight[c] : 1.0);
        double through = gradient->given ? 0.0 : scale / values;
        if (gradient->dweight)
            gradient->dweight[c] = (float)(product * inverse);
        if (gradient->dbias)
            gradient->dbias[c] = (float)sum;
        room.factor[1][c] = (float)(-through * inverse * inverse * product);
        room.factor[2][c] = (float)(-through * sum);
    }
    team_barrier(team);
}

void batchnorm_emit_back(const struct team *team, const struct batchnorm_shape *shape,
                         struct span images, const struct batchnorm_gradient *gradient,
                         const struct batchnorm_by *by, void *memory)
{
    struct batchnorm_room room;
    struct batchnorm_by then = *by;
    struct normalise_gradient g = {
        .dy = gradient->dy, .x = gradient->x, .y = gradient->y};
    batchnorm_lay_out(&room, shape, memory);
    if (batchnorm_dz(gradient, by)) {
        g.dy = batchnorm_dz(gradient, by);
        then.activation = ACTIVATION_NONE;
    }
    struct share share = batchnorm_share(team, shape, images);
    while (share_next(&share)) {
        size_t at = batchnorm_at(shape, &share);
        int c = share.channels.begin;
        const struct matrix m = batchnorm_matrix(shape, &share);
        const struct prologue line = batchnorm_as_prologue(&then, &room, c);
        const float *const factor[] = {room.factor[0] + c, room.factor[1] + c,
                                       room.factor[2] + c};
        const struct normalise_gradient here = {
            .dy = g.dy + at, .x = g.x + at, .y = g.y ? g.y + at : NULL};
        kernels()->norm.normalise_backward(gradient->dx + at, &here, &line, factor, &m);
    }
    team_barrier(team);
}
