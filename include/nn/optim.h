/*
 * optim: stochastic gradient descent and AdamW over flat vectors.
 *
 * SGD: Sutskever et al., "On the importance of initialization and momentum in deep
 * learning", ICML 2013, in PyTorch's form: v = momentum v + g; w -= lr (g + momentum v)
 * with nesterov, else w -= lr v; weight decay is added to g where the mask is 1.
 * AdamW: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019,
 * algorithm 2, as in PyTorch.
 */
#ifndef LOCKSTEP_NN_OPTIM_H
#define LOCKSTEP_NN_OPTIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum optim_kind { OPTIM_SGD, OPTIM_ADAMW };

struct optim_options {
    int kind; /* enum optim_kind */
    double lr;
    double momentum;
    bool nesterov;
    double weight_decay;
    double beta1, beta2, epsilon;
};

/* State vectors of `count` floats: SGD has one (momentum), AdamW two (m, v). */
#define OPTIM_STATES 2
int optim_states(const struct optim_options *options);
const char *optim_state_name(const struct optim_options *options, int i);

/* One update of elements [begin, end) of the flat vectors.
   grad_scale multiplies the gradient first (1/batch and clipping); step counts from 1.
   ema (may be NULL) becomes decay * ema + (1 - decay) * w after the update. */
struct optim_update {
    float *params;
    const float *grads;
    float *state[OPTIM_STATES];
    const float *decay_mask;
    float *ema;
    double ema_decay;
    double lr; /* from the schedule */
    double grad_scale;
    uint64_t step;
};
void optim_apply(const struct optim_options *options, const struct optim_update *update,
                 size_t begin, size_t end);

/* Sum of squares of `count` floats, in double. */
double optim_square_sum(const float *values, size_t count);

#endif
