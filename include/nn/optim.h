/*
 * optim: optimizers over the flat parameter vector, as a table of kinds.
 *
 * An optimizer is a `const struct optim_ops` at the end of its optim_*.c: the factors of
 * an update in double, then the kernel that applies them to a range.
 *
 *   sgd    Sutskever et al., "On the importance of initialization and momentum in deep
 *          learning", ICML 2013, in PyTorch's form: v = momentum v + g; w -= lr v, with
 *          nesterov w -= lr (g + momentum v). Weight decay is added to g.
 *
 *   adamw  Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019,
 *          algorithm 2, as in PyTorch.
 */
#ifndef LOCKSTEP_NN_OPTIM_H
#define LOCKSTEP_NN_OPTIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/update.h"
#include "nn/range.h"
#include "nn/statistic.h"

/* Indices of optim_kinds. */
enum optim_kind { OPTIM_SGD, OPTIM_ADAMW, OPTIM_KINDS };

struct optim_options {
    int kind; /* enum optim_kind */
    double lr;
    double momentum;
    bool nesterov;
    double weight_decay;
    double beta1, beta2, epsilon;
};

#define OPTIM_STATES 2 /* most state vectors of an optimizer */

/* What one update works on. */
struct optim_update {
    float *params;
    const float *grads;         /* sum over the batch */
    float *state[OPTIM_STATES]; /* the optimizer's vectors, as many as it has */
    const struct ranges *ranges;
    const struct statistics *statistics; /* NULL: none */
    double samples;                      /* of the batch, for statistics */
    float *ema;                          /* averaged weights; NULL: none */
    double ema_decay;
    double lr;         /* from the schedule */
    double grad_scale; /* multiplies grads: 1/batch and clipping */
    uint64_t step;     /* from 1 */
};

struct optim_ops {
    char name[12]; /* the config's word; an array, so that optim_words can point to it */
    int states;
    const char *state_name[OPTIM_STATES]; /* as in checkpoints */
    /* The scalars of an update, for a range with weight decay. */
    struct update_factors (*prepare)(const struct optim_options *options,
                                     const struct optim_update *update);
    /* Floats [begin, end) of all vectors; factors->decay is the range's. */
    void (*apply)(const struct update_factors *factors,
                  const struct update_vectors *vectors, size_t begin, size_t end);
};

extern const struct optim_ops optim_sgd, optim_adamw;

/* All kinds, and their names, by enum optim_kind; NULL-terminated. */
extern const struct optim_ops *const optim_kinds[];
extern const char *const optim_words[];

int optim_states(const struct optim_options *options);
const char *optim_state_name(const struct optim_options *options, int i);

/* Updates floats [begin, end) by the rules of their ranges; ema becomes
   ema_decay * ema + (1 - ema_decay) * w. Statistics are updated by their own rule
   (nn/statistic.h), frozen ranges are left as they are. Any thread; a vector may be cut
   anywhere without a change of bits. */
void optim_apply(const struct optim_options *options, const struct optim_update *update,
                 size_t begin, size_t end);

/* Sum of squares of `count` floats, in double. */
double optim_square_sum(const float *values, size_t count);

#endif
