#include "kernels/kernels.h"
#include "nn/optim.h"

static struct update_factors sgd_prepare(const struct optim_options *options,
                                         const struct optim_update *update,
                                         const struct optim_scales *scales)
{
    return (struct update_factors){
        .grad_scale = (float)update->grad_scale,
        .lr = (float)scales->lr,
        .decay = (float)scales->decay,
        .momentum = (float)options->momentum,
        .grad_coef = options->nesterov ? 1.0f : 0.0f,
        .velocity_coef = options->nesterov ? (float)options->momentum : 1.0f,
    };
}

static void sgd_apply(const struct update_factors *factors,
                      const struct update_vectors *vectors, size_t begin, size_t end)
{
    kernels()->update_sgd(factors, vectors, begin, end);
}

const struct optim_ops optim_sgd = {
    .name = "sgd",
    .states = 1,
    .state_name = {"momentum"},
    .prepare = sgd_prepare,
    .apply = sgd_apply,
};
