/* lars: the kernel of sgd; rate and trust ratio are part of what the velocity adds up. */
#include "kernels/kernels.h"
#include "nn/optim.h"

static struct update_factors lars_prepare(const struct optim_options *options,
                                          const struct optim_update *update,
                                          const struct optim_scales *scales)
{
    double rate = scales->lr * scales->trust;
    return (struct update_factors){
        .grad_scale = (float)(rate * update->grad_scale),
        .lr = 1.0f,
        .decay = (float)(rate * scales->decay),
        .momentum = (float)options->momentum,
        .grad_coef = options->nesterov ? 1.0f : 0.0f,
        .velocity_coef = options->nesterov ? (float)options->momentum : 1.0f,
    };
}

static void lars_apply(const struct update_factors *factors,
                       const struct update_vectors *vectors, size_t begin, size_t end)
{
    kernels()->update_sgd(factors, vectors, begin, end);
}

/* Squares of the weights and of the gradients as summed over the batch, not scaled. */
static struct optim_squares lars_measure(const struct update_factors *factors,
                                         const struct update_vectors *vectors,
                                         size_t begin, size_t end)
{
    (void)factors;
    return (struct optim_squares){
        .weights = kernels()->square_sum(vectors->w + begin, end - begin),
        .step = kernels()->square_sum(vectors->g + begin, end - begin),
    };
}

static double lars_trust(const struct optim_options *options,
                         const struct optim_update *update,
                         const struct optim_scales *scales, double weights, double step)
{
    return options->trust * weights /
           (update->grad_scale * step + scales->decay * weights);
}

const struct optim_ops optim_lars = {
    .name = "lars",
    .states = 1,
    .state_name = {"momentum"},
    .prepare = lars_prepare,
    .apply = lars_apply,
    .measure = lars_measure,
    .trust = lars_trust,
};
