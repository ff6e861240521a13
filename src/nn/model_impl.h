/* model_impl: shared by the sources of model. */
#ifndef LOCKSTEP_NN_MODEL_IMPL_H
#define LOCKSTEP_NN_MODEL_IMPL_H

#include "nn/model.h"

/* Set ops and units of a model that has its layers. */
void model_find_ops(struct model *model);
void model_find_units(struct model *model);

#endif
