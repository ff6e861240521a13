/* lamb: the moments are updated while the norms are measured; the weights follow. */
#include <math.h>

#include "base/portable_math.h"
#include "kernels/kernels.h"
#include "nn/optim.h"

static struct update_factors lamb_prepare(const struct optim_options *options,
                                          const struct optim_update *update,
                                          const struct optim_scales *scales)
{
    double step = (double)update->step;
    return (struct update_factors){
        .grad_scale = (float)update->grad_scale,
        .lr = (float)(scales->lr * scales->trust),
        .decay = (float)scales->decay,
        .beta1 = (float)options->beta1,
        .one_minus_beta1 = (float)(1.0 - options->beta1),
        .beta2 = (float)options->beta2,
        .one_minus_beta2 = (float)(1.0 - options->beta2),
        .over_bias1 = (float)(1.0 / (1.0 - portable_pow(options->beta1, step))),
        .sqrt_bias2 = (float)sqrt(1.0 - portable_pow(options->beta2, step)),
        .epsilon = (float)options->epsilon,
    };
}

static void lamb_apply(const struct update_factors *factors,
                       const struct update_vectors *vectors, size_t begin, size_t end)
{
    kernels()->update_lamb(factors, vectors, begin, end);
}

static struct optim_squares lamb_measure(const struct update_factors *factors,
                                         const struct update_vectors *vectors,
                                         size_t begin, size_t end)
{
    float direction[OPTIM_CHUNK];
    struct update_vectors moments = *vectors;
    moments.direction = direction;
    kernels()->update_lamb_moments(factors, &moments, begin, end);
    return (struct optim_squares){
        .weights = kernels()->square_sum(vectors->w + begin, end - begin),
        .step = kernels()->square_sum(direction, end - begin),
    };
}

static double lamb_trust(const struct optim_options *options,
                         const struct optim_update *update,
                         const struct optim_scales *scales, double weights, double step)
{
    (void)options;
    (void)update;
    (void)scales;
    return weights / step;
}

const struct optim_ops optim_lamb = {
    .name = "lamb",
    .states = 2,
    .state_name = {"m", "v"},
    .prepare = lamb_prepare,
    .apply = lamb_apply,
    .measure = lamb_measure,
    .trust = lamb_trust,
};
