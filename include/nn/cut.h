/*
 * cut: how the units of a model are shared among the stages of a pipeline.
 */
#ifndef LOCKSTEP_NN_CUT_H
#define LOCKSTEP_NN_CUT_H

#include "nn/model.h"

/* Part p has units [first[p], first[p + 1]). Plain data: copied by value. */
struct model_cut {
    int parts;
    int first[MODEL_LAYERS + 1];
};

/* "conv1+conv2 | conv3+linear1 | linear2+linear3": every layer with parameters once, in
   order; those without go with the one before them. ST_USAGE says what is wrong; `key` is
   the text's name for that. */
enum status cut_read(struct model_cut *cut, const struct model *model, const char *key,
                     const char *text) MUST_CHECK;

/* Which units [begin, end) part `part` of a cut may be made of. */
struct cut_limit {
    bool (*fits)(const struct cut_limit *limit, int part, int begin, int end);
    const struct model *model;
    const void *context;
};

/* The cut whose slowest part is fastest, of those whose every part fits; cost[units], in
   any unit. 1 <= parts <= units. limit: NULL: everything fits. False: nothing does. */
bool cut_balance(struct model_cut *cut, const struct model *model, int parts,
                 const double *cost, const struct cut_limit *limit);

/* Sum of the costs of a part. */
double cut_cost(const struct model_cut *cut, int part, const double *cost);

/* As cut_read reads it; the caller frees. */
char *cut_text(const struct model_cut *cut, const struct model *model);
/* One part of it: "conv1+conv2". */
char *cut_part_text(const struct model_cut *cut, const struct model *model, int part);

#endif
