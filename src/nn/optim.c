#include "nn/optim.h"

#include "base/status.h"
#include "kernels/kernels.h"

const struct optim_ops *const optim_kinds[] = {
    [OPTIM_SGD] = &optim_sgd,
    [OPTIM_ADAMW] = &optim_adamw,
    [OPTIM_KINDS] = NULL,
};

const char *const optim_words[] = {
    [OPTIM_SGD] = optim_sgd.name,
    [OPTIM_ADAMW] = optim_adamw.name,
    [OPTIM_KINDS] = NULL,
};

static const struct optim_ops *optim_ops_of(const struct optim_options *options)
{
    ASSERT(options->kind >= 0 && options->kind < OPTIM_KINDS);
    return optim_kinds[options->kind];
}

int optim_states(const struct optim_options *options)
{
    return optim_ops_of(options)->states;
}

const char *optim_state_name(const struct optim_options *options, int i)
{
    const struct optim_ops *ops = optim_ops_of(options);
    ASSERT(i >= 0 && i < ops->states);
    return ops->state_name[i];
}

void optim_apply(const struct optim_options *options, const struct optim_update *update,
                 size_t begin, size_t end)
{
    const struct optim_ops *ops = optim_ops_of(options);
    const struct update_vectors vectors = {
        .w = update->params,
        .g = update->grads,
        .first = update->state[0],
        .second = update->state[1],
        .ema = update->ema,
    };
    struct update_factors factors = ops->prepare(options, update);
    for (struct range range = {.end = begin};
         ranges_next(update->ranges, RANGE_BIT(RANGE_TRAIN_DECAY), end, &range);)
        ops->apply(&factors, &vectors, range.begin, range.end);
    factors.decay = 0.0f;
    for (struct range range = {.end = begin};
         ranges_next(update->ranges, RANGE_BIT(RANGE_TRAIN), end, &range);)
        ops->apply(&factors, &vectors, range.begin, range.end);
    if (update->statistics)
        statistics_update(update->statistics, update->params, update->grads,
                          update->samples, begin, end);
}

double optim_square_sum(const float *values, size_t count)
{
    return kernels()->square_sum(values, count);
}
