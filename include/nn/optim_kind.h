/*
 * optim_kind: the kinds of optimizers, as a table.
 *
 * A kind is a `const struct optim_ops` at the end of its optim_*.c: the factors of an
 * update in double, then the kernel that applies them to a segment (nn/optim.h).
 *
 *   sgd    Sutskever et al., "On the importance of initialization and momentum in deep
 *          learning", ICML 2013, in PyTorch's form: v = momentum v + g; w -= lr v, with
 *          nesterov w -= lr (g + momentum v). Weight decay is added to g.
 *
 *   adamw  Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019,
 *          algorithm 2, as in PyTorch.
 *
 *   lars   You, Gitman and Ginsburg, "Large batch training of convolutional networks",
 *          2017, algorithm 1: v = momentum v + lr T (g + decay w); w -= v, with nesterov
 *          w -= lr T (g + decay w) + momentum v.
 *          T = trust |w| / (|g| + decay |w|)
 *
 *   lamb   You et al., "Large batch optimization for deep learning: training BERT in 76
 *          minutes", ICLR 2020, algorithm 2: m and v as adamw; u = m' / (sqrt(v') +
 *          epsilon) + decay w of the moments m', v' without bias; w -= lr T u.
 *          T = |w| / |u|
 *
 * nn/optim.h has lookahead, which goes with any of them, and how norms are summed.
 */
#ifndef LOCKSTEP_NN_OPTIM_KIND_H
#define LOCKSTEP_NN_OPTIM_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/update.h"
#include "nn/param_group.h"
#include "nn/statistic.h"

/* Indices of optim_kinds. */
enum optim_kind { OPTIM_SGD, OPTIM_ADAMW, OPTIM_LARS, OPTIM_LAMB, OPTIM_KINDS };

struct optim_options {
    int kind; /* enum optim_kind */
    double lr;
    double momentum;
    bool nesterov;
    double weight_decay;
    double layer_decay; /* factor of the rate for each unit behind a layer's; 1: none */
    double beta1, beta2, epsilon;
    double trust;  /* lars */
    int lookahead; /* steps between two updates of the slow weights; 0: none */
    double lookahead_alpha, lookahead_power;
    struct param_groups groups; /* owned by the config */
};

#define OPTIM_STATES 3 /* most state vectors of an optimizer, slow weights included */

/* What one update works on. */
struct optim_update {
    float *params;
    const float *grads;                  /* sum over the batch */
    float *state[OPTIM_STATES];          /* the optimizer's vectors, as many as it has */
    const struct statistics *statistics; /* NULL: none */
    double samples;                      /* of the batch, for statistics */
    float *ema;                          /* averaged weights; NULL: none */
    double ema_decay;
    double lr;            /* from the schedule */
    double grad_scale;    /* multiplies grads: 1/batch and clipping */
    uint64_t step;        /* from 1 */
    uint64_t total;       /* steps of the run */
    uint64_t epoch_steps; /* steps of a pass over the data */
};

/* Rate, weight decay (0: none) and trust ratio of a segment. */
struct optim_scales {
    double lr, decay, trust;
};

/* Sums of squares: of the weights, and of the step that the trust ratio compares them
   with. */
struct optim_squares {
    double weights, step;
};

struct optim_ops {
    char name[12]; /* the config's word; an array, so that optim_words can point to it */
    int states;
    const char *state_name[OPTIM_STATES]; /* as in checkpoints */
    struct update_factors (*prepare)(const struct optim_options *options,
                                     const struct optim_update *update,
                                     const struct optim_scales *scales);
    /* Floats [begin, end) of all vectors. */
    void (*apply)(const struct update_factors *factors,
                  const struct update_vectors *vectors, size_t begin, size_t end);
    /* With trust ratios, before apply; NULL: without. At most OPTIM_CHUNK floats. May
       also update state vectors. */
    struct optim_squares (*measure)(const struct update_factors *factors,
                                    const struct update_vectors *vectors, size_t begin,
                                    size_t end);
    /* The ratio, of norms above 0. */
    double (*trust)(const struct optim_options *options,
                    const struct optim_update *update, const struct optim_scales *scales,
                    double weights, double step);
};

#define OPTIM_CHUNK 4096

extern const struct optim_ops optim_sgd, optim_adamw, optim_lars, optim_lamb;

/* All kinds, and their names, by enum optim_kind; NULL-terminated. */
extern const struct optim_ops *const optim_kinds[];
extern const char *const optim_words[];

#endif
