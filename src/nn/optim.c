#include "nn/optim.h"

#include <math.h>

#include "base/status.h"

/* Elements that the loops take at a time: a constant, so that they vectorise without a
   remainder loop of their own. Every element's result is the same in a block or alone. */
#define BLOCK 32
#define LANES 8 /* partial sums within a chunk; divides BLOCK and OPTIM_CHUNK */

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
struct factors {
    float grad_scale, lr, decay, ema;
    float momentum, pull; /* sgd: the step is lr (gain g + pull v) */
    float gain;
    float beta1, rest1, beta2, rest2, root2, epsilon; /* adamw */
};

static struct factors factors_of(const struct optim_options *o,
                                 const struct optim_update *u)
{
    struct factors f = {
        .grad_scale = (float)u->grad_scale,
        .lr = (float)u->lr,
        .decay = (float)o->weight_decay,
        .ema = (float)(1.0 - u->ema_decay),
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

/* Inlined with a constant n. */
static inline __attribute__((always_inline)) void
sgd_block(const struct factors *f, int n, float *restrict w, const float *restrict g,
          const float *restrict mask, float *restrict v)
{
    float scale = f->grad_scale, decay = f->decay, momentum = f->momentum;
    float gain = f->gain, pull = f->pull, lr = f->lr;
    for (int i = 0; i < n; i++) {
        float grad = g[i] * scale + decay * mask[i] * w[i];
        v[i] = momentum * v[i] + grad;
        w[i] -= lr * (gain * grad + pull * v[i]);
    }
}

static inline __attribute__((always_inline)) void
adamw_block(const struct factors *f, int n, float *restrict w, const float *restrict g,
            const float *restrict mask, float *restrict m, float *restrict v)
{
    float scale = f->grad_scale, decay = f->decay, lr = f->lr;
    float beta1 = f->beta1, rest1 = f->rest1, beta2 = f->beta2, rest2 = f->rest2;
    float root2 = f->root2, epsilon = f->epsilon;
    float root[BLOCK];
    for (int i = 0; i < n; i++) {
        float grad = g[i] * scale;
        m[i] = beta1 * m[i] + rest1 * grad;
        v[i] = beta2 * v[i] + rest2 * (grad * grad);
    }
    /* On its own: where sqrtf may set errno it does not vectorise. */
    for (int i = 0; i < n; i++)
        root[i] = sqrtf(v[i]);
    for (int i = 0; i < n; i++) {
        float kept = w[i] - decay * mask[i] * w[i];
        w[i] = kept - lr * (m[i] / (root[i] / root2 + epsilon));
    }
}

static inline __attribute__((always_inline)) void
ema_block(const struct factors *f, int n, float *restrict ema, const float *restrict w)
{
    float rest = f->ema;
    for (int i = 0; i < n; i++)
        ema[i] += rest * (w[i] - ema[i]);
}

static inline __attribute__((always_inline)) void
update_block(int kind, const struct factors *f, const struct optim_update *u, size_t at,
             int n)
{
    float *w = u->params + at;
    const float *g = u->grads + at, *mask = u->decay_mask + at;
    if (kind == OPTIM_ADAMW)
        adamw_block(f, n, w, g, mask, u->state[0] + at, u->state[1] + at);
    else
        sgd_block(f, n, w, g, mask, u->state[0] + at);
    if (u->ema)
        ema_block(f, n, u->ema + at, w);
}

void optim_apply(const struct optim_options *options, const struct optim_update *update,
                 size_t begin, size_t end)
{
    struct factors f = factors_of(options, update);
    size_t at = begin;
    for (; end - at >= BLOCK; at += BLOCK)
        update_block(options->kind, &f, update, at, BLOCK);
    for (; at < end; at++)
        update_block(options->kind, &f, update, at, 1);
}

static double square_sum(const float *g, size_t n)
{
    double sum[LANES] = {0};
    size_t i = 0;
    for (; n - i >= LANES; i += LANES)
        for (int l = 0; l < LANES; l++)
            sum[l] += (double)g[i + l] * (double)g[i + l];
    for (; i < n; i++)
        sum[i % LANES] += (double)g[i] * (double)g[i];
    for (int half = LANES / 2; half > 0; half /= 2)
        for (int l = 0; l < half; l++)
            sum[l] += sum[l + half];
    return sum[0];
}

void optim_square_sums(const float *grads, size_t begin, size_t end, double *partial)
{
    ASSERT(begin % OPTIM_CHUNK == 0);
    for (size_t at = begin; at < end; at += OPTIM_CHUNK) {
        size_t n = end - at < OPTIM_CHUNK ? end - at : OPTIM_CHUNK;
        partial[at / OPTIM_CHUNK] = square_sum(grads + at, n);
    }
}
