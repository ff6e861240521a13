/*
 * The algorithm "blas": patches are copied into a matrix for sgemm of OpenBLAS. Its
 * bits belong to the kind of CPU.
 */
#include "conv_blas.h"

#include <string.h>

#include "conv_gemm.h"

static bool blas_fits(const struct conv_shape *shape)
{
    return !conv_is_depthwise(shape);
}

static size_t blas_packed(const struct conv_shape *shape)
{
    return (size_t)shape->k * conv_taps(shape);
}

/* sgemm packs its operands itself. */
static void blas_pack(const struct team *team, const struct conv_shape *shape,
                      float *packed, const float *weight)
{
    if (team->index == 0)
        memcpy(packed, weight, blas_packed(shape) * sizeof *packed);
    team_barrier(team);
}

static size_t blas_scratch(const struct conv_shape *shape, int team)
{
    (void)team;
    return conv_gemm_scratch(shape);
}

static void blas_forward(const struct team *team, const struct conv_shape *shape,
                         const struct conv_operands *o)
{
    conv_gemm_forward(team, shape, o->out, o->in, o->packed, o->bias, o->scratch);
}

static void blas_data(const struct team *team, const struct conv_shape *shape,
                      const struct conv_operands *o)
{
    conv_gemm_backward_data(team, shape, o->out, o->in, o->packed, o->scratch);
}

static void blas_weight(const struct team *team, const struct conv_shape *shape,
                        const struct conv_operands *o)
{
    conv_gemm_backward_weight(team, shape, o->out, o->in, o->dy, o->scratch);
    team_barrier(team);
}

const struct conv_algorithm conv_blas_forward = {.name = "blas",
                                                 .pass = CONV_FORWARD,
                                                 .fits = blas_fits,
                                                 .packed = blas_packed,
                                                 .pack = blas_pack,
                                                 .scratch = blas_scratch,
                                                 .run = blas_forward};

const struct conv_algorithm conv_blas_data = {.name = "blas",
                                              .pass = CONV_DATA,
                                              .fits = blas_fits,
                                              .packed = blas_packed,
                                              .pack = blas_pack,
                                              .scratch = blas_scratch,
                                              .run = blas_data};

const struct conv_algorithm conv_blas_weight = {.name = "blas",
                                                .pass = CONV_WEIGHT,
                                                .fits = blas_fits,
                                                .scratch = blas_scratch,
                                                .run = blas_weight};
