/*
 * cut: the division of a model's units among the stages of a pipeline.
 */
#ifndef LOCKSTEP_NN_CUT_H
#define LOCKSTEP_NN_CUT_H

#include "nn/model.h"

/* Part p has units [first[p], first[p + 1]). Plain data: copied by value. */
struct model_cut {
    int parts;
    int first[MODEL_LAYERS + 1];
};

/* Reads "conv1+conv2 | conv3+linear1 | linear2+linear3": the first layer with parameters
   of every unit once, in the network's order; the unit's other layers go with it.
   ST_USAGE with a message that begins with `key`. */
enum status cut_read(struct model_cut *cut, const struct model *model, const char *key,
                     const char *text) MUST_CHECK;

/* A constraint on cuts: may part `part` consist of units [begin, end)? */
struct cut_limit {
    bool (*fits)(const struct cut_limit *limit, int part, int begin, int end);
    const struct model *model;
    const void *context;
};

/* The cut with the lowest cost of its most costly part, among those whose parts all fit.
   cost: (units), in any unit of measurement; 1 <= parts <= units; limit NULL: every part
   fits. False: no cut fits. */
bool cut_balance(struct model_cut *cut, const struct model *model, int parts,
                 const double *cost, const struct cut_limit *limit);

/* Sum of the costs of a part. */
double cut_cost(const struct model_cut *cut, int part, const double *cost);

/* The text that cut_read reads; the caller frees. */
char *cut_text(const struct model_cut *cut, const struct model *model);
/* The text of one part, "conv1+conv2"; the caller frees. */
char *cut_part_text(const struct model_cut *cut, const struct model *model, int part);

#endif
