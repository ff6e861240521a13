/*
 * param_group: groups of tensors whose rate and weight decay differ from the others'.
 *
 * A group has patterns ("head*, *.bias") for the names of layers ("conv1": all of its
 * tensors) or of tensors ("conv1.bias"), with the shell's *, ? and [...]. A tensor
 * belongs to the first group with a pattern that matches. lr and weight_decay are factors
 * of those of [optim]. "head" is also the layer with parameters that comes last. Tensors
 * without weight decay (biases, norms) have it in groups whose decay is ALL.
 */
#ifndef LOCKSTEP_NN_PARAM_GROUP_H
#define LOCKSTEP_NN_PARAM_GROUP_H

#include "base/status.h"

struct layer;
struct layer_tensor;
struct model;

enum param_decay { PARAM_DECAY_WEIGHTS, PARAM_DECAY_ALL };

struct param_group {
    char *name;  /* owned, as are all texts */
    char *match; /* patterns with commas between them */
    char *where; /* "file:line", for messages */
    double lr, weight_decay;
    int decay;     /* enum param_decay: which tensors have weight decay */
    double from;   /* epoch in which they begin to learn; until then they stay */
    double epochs; /* in which they end to learn; 0: with the run */
};

struct param_groups {
    int count;
    struct param_group *group; /* owned: (count) */
};

/* A new group without patterns, with factors 1; the pointer holds until the next one. */
struct param_group *param_groups_add(struct param_groups *groups, const char *name,
                                     const char *where);
void param_groups_release(struct param_groups *groups);

/* The group of a tensor; NULL: none. */
const struct param_group *param_groups_find(const struct param_groups *groups,
                                            const struct layer *layer,
                                            const struct layer_tensor *tensor);

/* ST_USAGE if a pattern matches no trained tensor of the whole model, or if a group gets
   none because earlier groups have them. */
enum status param_groups_check(const struct param_groups *groups,
                               const struct model *model) MUST_CHECK;

/* Prints a line for each group with log_out: patterns, tensors, factors. */
void param_groups_print(const struct param_groups *groups, const struct model *model);

#endif
