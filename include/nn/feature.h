/*
 * feature: the value at which a network divides into a part that stays as it is, because
 * it is frozen, and the rest. Such a value is a function of the image alone: it can be
 * computed once and kept.
 */
#ifndef LOCKSTEP_NN_FEATURE_H
#define LOCKSTEP_NN_FEATURE_H

#include "nn/fold.h"

/* The last value that ops which neither learn nor depend on what learns have made, and
   behind which no op reads a value before it: model->op[value] is the first op of the
   rest. 0: there is none. Of a whole model. */
int feature_value(const struct model *model);

/* The same value in the folded model, where a pass of it goes on. 0: it is not made
   there, because a norm behind it was folded into the part before. */
int feature_folded_value(const struct fold *fold, const struct model *model, int value);

#endif
