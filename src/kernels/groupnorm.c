#include "kernels/groupnorm.h"

#include <math.h>

#include "base/arena.h"
#include "kernels/kernels.h"
#include "share.h"

#define GROUPNORM_CHANNELS 16 /* one cache line: no two members write to the same one */

/* Of each sample: two sums and three factors of each channel. */
struct groupnorm_room {
    double *sum[2];   /* (N, C) */
    float *factor[3]; /* (N, C) */
};

static size_t groupnorm_lay_out(struct groupnorm_room *room,
                                const struct groupnorm_shape *shape, void *scratch)
{
    struct arena arena = {.memory = scratch};
    size_t count = (size_t)shape->n * (size_t)shape->c;
    for (int i = 0; i < 2; i++)
        room->sum[i] = arena_take(&arena, count * sizeof(double));
    for (int i = 0; i < 3; i++)
        room->factor[i] = arena_take(&arena, count * sizeof(float));
    return arena.used;
}

size_t groupnorm_scratch(const struct groupnorm_shape *shape)
{
    struct groupnorm_room room;
    return groupnorm_lay_out(&room, shape, NULL);
}

static struct matrix groupnorm_matrix(const struct groupnorm_shape *shape)
{
    return (struct matrix){shape->pixels, shape->c, shape->c};
}

/* Where sample i begins. */
static size_t groupnorm_at(const struct groupnorm_shape *shape, int i)
{
    return (size_t)i * (size_t)shape->pixels * (size_t)shape->c;
}

/* to[c] = the mean over c's group of the channels' sums. */
static void groupnorm_average(const struct groupnorm_shape *shape, float *to,
                              const double *sum)
{
    int width = shape->c / shape->groups;
    for (int first = 0; first < shape->c; first += width) {
        double total = 0;
        for (int c = first; c < first + width; c++)
            total += sum[c];
        for (int c = first; c < first + width; c++)
            to[c] = (float)(total / ((double)width * shape->pixels));
    }
}

static void groupnorm_sample_forward(const struct groupnorm_shape *shape,
                                     const struct groupnorm_room *room, int i,
                                     const struct groupnorm_values *values)
{
    const struct matrix m = groupnorm_matrix(shape);
    size_t channels = (size_t)i * (size_t)shape->c, at = groupnorm_at(shape, i);
    const float *x = values->x + at;
    double *sum = room->sum[0] + channels;
    float *scale = room->factor[0] + channels, *mean = values->moments + 2 * channels;
    float *variance = mean + shape->c;
    kernels()->norm.sum_channels(sum, x, &m);
    groupnorm_average(shape, mean, sum);
    kernels()->norm.sum_squares(sum, x, mean, &m);
    groupnorm_average(shape, variance, sum);
    for (int c = 0; c < shape->c; c++)
        scale[c] = (float)((double)values->weight[c] /
                           sqrt((double)variance[c] + (double)shape->epsilon));
    const struct prologue by = {mean, scale, values->bias, ACTIVATION_NONE};
    kernels()->norm.normalise(values->y + at, x, NULL, &by, &m);
}

void groupnorm_forward(const struct team *team, const struct groupnorm_shape *shape,
                       const struct groupnorm_values *values, void *scratch)
{
    struct groupnorm_room room;
    int begin, end;
    groupnorm_lay_out(&room, shape, scratch);
    team_split(team, shape->n, &begin, &end);
    for (int i = begin; i < end; i++)
        groupnorm_sample_forward(shape, &room, i, values);
    team_barrier(team);
}

/* --- backward --- */

static double groupnorm_inverse(const struct groupnorm_shape *shape, double variance)
{
    return 1.0 / sqrt(variance + (double)shape->epsilon);
}

/* dx = factor[0] dy + factor[1] (x - mean) + factor[2], from the channels' sums of dy and
   dy (x - mean). */
static void groupnorm_factors(const struct groupnorm_shape *shape, const double *sum,
                              const double *product, const float *variance,
                              const float *weight, float *const factor[3])
{
    int width = shape->c / shape->groups;
    double values = (double)width * shape->pixels;
    for (int first = 0; first < shape->c; first += width) {
        double inverse = groupnorm_inverse(shape, (double)variance[first]);
        double sums = 0, products = 0;
        for (int c = first; c < first + width; c++) {
            sums += sum[c] * (double)weight[c];
            products += product[c] * (double)weight[c];
        }
        for (int c = first; c < first + width; c++) {
            factor[0][c] = (float)((double)weight[c] * inverse);
            factor[1][c] = (float)(-(inverse * inverse * inverse) * products / values);
            factor[2][c] = (float)(-inverse * sums / values);
        }
    }
}

static void groupnorm_sample_backward(const struct groupnorm_shape *shape,
                                      const struct groupnorm_room *room, int i,
                                      const struct groupnorm_gradient *gradient)
{
    const struct matrix m = groupnorm_matrix(shape);
    size_t channels = (size_t)i * (size_t)shape->c, at = groupnorm_at(shape, i);
    const float *mean = gradient->moments + 2 * channels;
    double *sum = room->sum[0] + channels, *product = room->sum[1] + channels;
    float *const factor[] = {room->factor[0] + channels, room->factor[1] + channels,
                             room->factor[2] + channels};
    const float *const factors[] = {factor[0], factor[1], factor[2]};
    const struct normalise_gradient g = {.dy = gradient->dy + at, .x = gradient->x + at};
    const struct prologue by = {mean, gradient->weight, gradient->weight,
                                ACTIVATION_NONE}; /* of which only the mean matters */
    kernels()->norm.normalise_sums(sum, product, &g, &by, &m);
    if (!gradient->dx)
        return;
    groupnorm_factors(shape, sum, product, mean + shape->c, gradient->weight, factor);
    kernels()->norm.normalise_backward(gradient->dx + at, &g, &by, factors, &m);
}

void groupnorm_backward(const struct team *team, const struct groupnorm_shape *shape,
                        const struct groupnorm_gradient *gradient, void *scratch)
{
    struct groupnorm_room room;
    int begin, end;
    size_t channels = (size_t)shape->c;
    groupnorm_lay_out(&room, shape, scratch);
    team_split(team, shape->n, &begin, &end);
    for (int i = begin; i < end; i++)
        groupnorm_sample_backward(shape, &room, i, gradient);
    team_barrier(team);
    struct span own = share_panels(team, shape->c, GROUPNORM_CHANNELS);
    for (int c = own.begin; c < own.end; c++) {
        double sum = 0, product = 0;
        for (size_t i = 0; i < (size_t)shape->n; i++) {
            const float *variance = gradient->moments + (2 * i + 1) * channels;
            sum += room.sum[0][i * channels + (size_t)c];
            product += room.sum[1][i * channels + (size_t)c] *
                       groupnorm_inverse(shape, (double)variance[c]);
        }
        gradient->dbias[c] = (float)sum;
        gradient->dweight[c] = (float)product;
    }
    team_barrier(team);
}
