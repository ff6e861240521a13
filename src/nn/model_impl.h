/* model_impl: what the sources of model share among themselves. */
#ifndef LOCKSTEP_NN_MODEL_IMPL_H
#define LOCKSTEP_NN_MODEL_IMPL_H

#include "nn/model.h"

/* Of a model with its layers: what runs, and what it can be cut into. */
void model_find_ops(struct model *model);
void model_find_units(struct model *model);

#endif
