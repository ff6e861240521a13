/*
 * optim: the optimizer of a model's flat parameter vector; nn/optim_kind.h has the kinds.
 *
 * The trust ratio T of lars and lamb has norms of one tensor. It is 1 for tensors without
 * weight decay (biases, scales and shifts of norms) and where a norm is 0. Squares are
 * summed in chunks of OPTIM_CHUNK floats from the tensor's begin, and the chunks in
 * order: the same bits for any sharing. A pipeline stage has whole tensors.
 *
 * lookahead goes with any kind: Zhang et al., "Lookahead optimizer: k steps forward, 1
 * step back", NeurIPS 2019, algorithm 1: slow weights are one more state vector; after
 * every `lookahead` steps of the run, slow += alpha (w - slow); w = slow. Running
 * statistics, which belong to the weights, follow in the same way. alpha is
 * lookahead_alpha, or with a lookahead_power p > 0, at step s of S,
 * 1 - (1 - lookahead_alpha) (s / S)^p: the slow weights follow all the way at first and
 * less and less, at the end by lookahead_alpha. After a last step that ends no such cycle
 * w = slow (K. Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024).
 */
#ifndef LOCKSTEP_NN_OPTIM_H
#define LOCKSTEP_NN_OPTIM_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/team.h"
#include "nn/optim_kind.h"
#include "nn/range.h"

struct model;

/* Slow weights come last. */
#define OPTIM_SLOW "slow"
int optim_states(const struct optim_options *options);
const char *optim_state_name(const struct optim_options *options, int i);
/* The tensors that a vector of this name has (a mask, nn/range.h). */
unsigned optim_state_rules(const char *name);

/* Floats [begin, end) of the vector that are updated alike: with trust ratios one tensor,
   otherwise neighbours of one rule and group. */
struct optim_segment {
    size_t begin, end;
    bool statistic;      /* not trained: it only follows the slow weights */
    double lr, decay;    /* factors of the group and of layer_decay; decay 0: none */
    double from, epochs; /* of the group: when it learns; epochs 0: to the end */
    bool adapts;         /* has a trust ratio */
    int chunk;           /* its first one */
};

/* How the trained parameters of a model are updated. */
struct optim {
    const struct optim_options *options; /* borrowed */
    int segments;
    struct optim_segment *segment; /* owned: (segments), in the vector's order */
    int chunks;
    struct optim_squares *squares; /* owned: (chunks) */
};

void optim_init(struct optim *optim, const struct optim_options *options,
                const struct model *model);
/* For optim_init: one tensor, padding included, behind those that were added. Those are
   kept that are trained, or statistics that lookahead averages. group: NULL for none.
   depth: of its layer. */
void optim_add(struct optim *optim, size_t begin, size_t end, enum range_rule rule,
               const struct param_group *group, int depth);
void optim_release(struct optim *optim);

/* Before the norm of the gradient: zeroes its floats [begin, end) that are of tensors
   which do not learn in this step (from 1), not yet or no more. */
void optim_drop_resting(const struct optim *optim, uint64_t step, uint64_t epoch_steps,
                        float *grads, size_t begin, size_t end);

/* The slow weights begin as the weights. */
void optim_begin(const struct optim *optim, const float *params, float *const state[]);

/* A member's share of the norms, before optim_apply; the team meets in between. False:
   there are none, nothing was done. */
bool optim_measure(struct optim *optim, const struct optim_update *update,
                   const struct team *team);

/* Updates floats [begin, end) by the rules of their tensors; ema becomes
   ema_decay * ema + (1 - ema_decay) * w. Statistics are updated by their own rule
   (nn/statistic.h), frozen ranges and tensors outside of their epochs are left as they
   are. Steps are counted from the one in which a tensor begins to learn (adamw, lamb).
   Any thread; a vector may be cut anywhere without a change of bits. */
void optim_apply(const struct optim *optim, const struct optim_update *update,
                 size_t begin, size_t end);

/* Sum of squares of `count` floats, in double. */
double optim_square_sum(const float *values, size_t count);

#endif
