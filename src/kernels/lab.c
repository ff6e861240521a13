#include "kernels/lab.h"

#include "conv_direct.h"
#include "conv_gemm.h"

void lab_conv_direct(const struct team *team, const struct conv_shape *shape, float *y,
                     const float *x, const float *weight, const float *bias,
                     void *scratch)
{
    conv_direct_forward(team, shape, y, x, weight, bias, scratch);
}

void lab_conv_gemm(const struct team *team, const struct conv_shape *shape, float *y,
                   const float *x, const float *weight, const float *bias, void *scratch)
{
    conv_gemm_forward(team, shape, y, x, weight, bias, scratch);
}

size_t lab_conv_scratch(const struct conv_shape *shape)
{
    size_t direct = conv_direct_scratch(shape), gemm = conv_gemm_scratch(shape);
    return gemm > direct ? gemm : direct;
}

bool lab_conv_is_direct(const struct conv_shape *shape)
{
    return conv_direct_applies(shape);
}
