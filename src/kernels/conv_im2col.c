/*
 * The algorithm "im2col": patches are copied into a matrix for sgemm of OpenBLAS. Its
 * bits belong to the kind of CPU.
 */
#include "conv_im2col.h"

#include <string.h>

#include "conv_gemm.h"

static bool im2col_fits(const struct conv_shape *shape)
{
    return !conv_is_depthwise(shape);
}

static size_t im2col_packed(const struct conv_shape *shape)
{
    return (size_t)shape->k * conv_taps(shape);
}

/* sgemm packs its operands itself. */
static void im2col_pack(const struct team *team, const struct conv_shape *shape,
                        float *packed, const float *weight)
{
    if (team->index == 0)
        memcpy(packed, weight, im2col_packed(shape) * sizeof *packed);
    team_barrier(team);
}

static size_t im2col_scratch(const struct conv_shape *shape, int team)
{
    (void)team;
    return conv_gemm_scratch(shape);
}

static void im2col_forward(const struct team *team, const struct conv_shape *shape,
                           const struct conv_operands *o)
{
    conv_gemm_forward(team, shape, o->out, o->in, o->packed, o->bias, o->scratch);
}

static void im2col_data(const struct team *team, const struct conv_shape *shape,
                        const struct conv_operands *o)
{
    conv_gemm_backward_data(team, shape, o->out, o->in, o->packed, o->scratch);
}

static void im2col_weight(const struct team *team, const struct conv_shape *shape,
                          const struct conv_operands *o)
{
    conv_gemm_backward_weight(team, shape, o->out, o->in, o->dy, o->scratch);
    team_barrier(team);
}

const struct conv_algorithm conv_im2col_forward = {.name = "im2col",
                                                   .pass = CONV_FORWARD,
                                                   .fits = im2col_fits,
                                                   .packed = im2col_packed,
                                                   .pack = im2col_pack,
                                                   .scratch = im2col_scratch,
                                                   .run = im2col_forward};

const struct conv_algorithm conv_im2col_data = {.name = "im2col",
                                                .pass = CONV_DATA,
                                                .fits = im2col_fits,
                                                .packed = im2col_packed,
                                                .pack = im2col_pack,
                                                .scratch = im2col_scratch,
                                                .run = im2col_data};

const struct conv_algorithm conv_im2col_weight = {.name = "im2col",
                                                  .pass = CONV_WEIGHT,
                                                  .fits = im2col_fits,
                                                  .scratch = im2col_scratch,
                                                  .run = im2col_weight};
