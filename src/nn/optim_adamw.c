#include <math.h>

#include "base/portable_math.h"
#include "kernels/kernels.h"
#include "nn/optim.h"

static struct update_factors adamw_prepare(const struct optim_options *options,
                                           const struct optim_update *update,
                                           const struct optim_scales *scales)
{
    double step = (double)update->step;
    return (struct update_factors){
        .grad_scale = (float)update->grad_scale,
        .lr = (float)(scales->lr / (1.0 - portable_pow(options->beta1, step))),
        .decay = (float)(scales->lr * scales->decay),
        .beta1 = (float)options->beta1,
        .one_minus_beta1 = (float)(1.0 - options->beta1),
        .beta2 = (float)options->beta2,
        .one_minus_beta2 = (float)(1.0 - options->beta2),
        .sqrt_bias2 = (float)sqrt(1.0 - portable_pow(options->beta2, step)),
        .epsilon = (float)options->epsilon,
    };
}

static void adamw_apply(const struct update_factors *factors,
                        const struct update_vectors *vectors, size_t begin, size_t end)
{
    kernels()->update_adamw(factors, vectors, begin, end);
}

const struct optim_ops optim_adamw = {
    .name = "adamw",
    .states = 2,
    .state_name = {"m", "v"},
    .prepare = adamw_prepare,
    .apply = adamw_apply,
};
