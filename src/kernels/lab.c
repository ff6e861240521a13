#include "kernels/lab.h"

#include "base/arena.h"
#include "kernels/conv_algorithm.h"

static const struct conv_algorithm *conv_way(enum conv_pass pass,
                                             const struct conv_shape *shape)
{
    return conv_algorithm_chosen(pass, shape, &(struct kernel_policy){0});
}

/* scratch NULL: counts the bytes. */
static size_t conv_lay_out(const struct conv_algorithm *way,
                           const struct conv_shape *shape, int members, void *scratch,
                           float **packed, void **rest)
{
    struct arena arena = {.memory = scratch};
    size_t floats = way->packed ? way->packed(shape) : 0;
    *packed = arena_take(&arena, floats * sizeof **packed);
    *rest = arena_take(&arena, way->scratch(shape, members));
    return arena.used;
}

size_t conv_scratch(const struct conv_shape *shape, int members)
{
    size_t most = 0;
    for (int pass = 0; pass < CONV_PASSES; pass++) {
        const struct conv_algorithm *way = conv_way((enum conv_pass)pass, shape);
        float *packed;
        void *rest;
        size_t bytes = conv_lay_out(way, shape, members, NULL, &packed, &rest);
        most = bytes > most ? bytes : most;
    }
    return most;
}

static void conv_run(const struct team *team, enum conv_pass pass,
                     const struct conv_shape *shape, struct conv_operands *operands,
                     const float *weight, void *scratch)
{
    const struct conv_algorithm *way = conv_way(pass, shape);
    float *packed;
    conv_lay_out(way, shape, team->size, scratch, &packed, &operands->scratch);
    if (way->packed)
        way->pack(team, shape, packed, weight);
    operands->packed = way->packed ? packed : weight;
    way->run(team, shape, operands);
}

void conv_forward(const struct team *team, const struct conv_shape *shape, float *y,
                  const float *x, const float *weight, const float *bias, void *scratch)
{
    struct conv_operands operands = {.out = y, .in = x, .bias = bias};
    conv_run(team, CONV_FORWARD, shape, &operands, weight, scratch);
}

void conv_backward_weight(const struct team *team, const struct conv_shape *shape,
                          float *dweight, float *dbias, const float *x, const float *dy,
                          void *scratch)
{
    struct conv_operands operands = {.out = dweight, .in = x, .dy = dy};
    if (dbias)
        conv_backward_bias(team, shape, dbias, dy);
    conv_run(team, CONV_WEIGHT, shape, &operands, NULL, scratch);
}

void conv_backward_data(const struct team *team, const struct conv_shape *shape,
                        float *dx, const float *dy, const float *weight, void *scratch)
{
    struct conv_operands operands = {.out = dx, .in = dy};
    conv_run(team, CONV_DATA, shape, &operands, weight, scratch);
}
