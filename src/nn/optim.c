#include "nn/optim.h"

#include <math.h>

#include "base/status.h"
#include "kernels/kernels.h"

int optim_states(const struct optim_options *options)
{
    return options->kind == OPTIM_ADAMW ? 2 : 1;
}

const char *optim_state_name(const struct optim_options *options, int i)
{
    static const char *const adamw[] = {"m", "v"};
    ASSERT(i >= 0 && i < optim_states(options));
    return options->kind == OPTIM_ADAMW ? adamw[i] : "momentum";
}

/* The scalars of one update, rounded once to the precision of the loops. */
static struct update_factors factors_of(const struct optim_options *o,
                                        const struct optim_update *u)
{
    struct update_factors f = {
        .scale = (float)u->grad_scale,
        .lr = (float)u->lr,
        .decay = (float)o->weight_decay,
        .rest = (float)(1.0 - u->ema_decay),
        .momentum = (float)o->momentum,
        .gain = o->nesterov ? 1.0f : 0.0f,
        .pull = o->nesterov ? (float)o->momentum : 1.0f,
    };
    if (o->kind == OPTIM_ADAMW) {
        double t = (double)u->step;
        f.lr = (float)(u->lr / (1.0 - pow(o->beta1, t)));
        f.root2 = (float)sqrt(1.0 - pow(o->beta2, t));
        f.decay = (float)(u->lr * o->weight_decay);
        f.beta1 = (float)o->beta1;
        f.rest1 = (float)(1.0 - o->beta1);
        f.beta2 = (float)o->beta2;
        f.rest2 = (float)(1.0 - o->beta2);
        f.epsilon = (float)o->epsilon;
    }
    return f;
}

void optim_apply(const struct optim_options *options, const struct optim_update *update,
                 size_t begin, size_t end)
{
    const struct update_factors factors = factors_of(options, update);
    const struct update_vectors vectors = {
        .w = update->params,
        .g = update->grads,
        .mask = update->decay_mask,
        .first = update->state[0],
        .second = update->state[1],
        .ema = update->ema,
    };
    if (options->kind == OPTIM_ADAMW)
        kernels()->update_adamw(&factors, &vectors, begin, end);
    else
        kernels()->update_sgd(&factors, &vectors, begin, end);
}

double optim_square_sum(const float *values, size_t count)
{
    return kernels()->square_sum(values, count);
}
