/* model_impl: shared by the sources of model. */
#ifndef LOCKSTEP_NN_MODEL_IMPL_H
#define LOCKSTEP_NN_MODEL_IMPL_H

#include "nn/model.h"

/* Gives the layer's tensors the next places in the flat vector. */
void model_place_tensors(struct model *model, struct layer *layer);

/* Mark the head; count the units behind each layer of a whole model. */
void model_find_head(struct model *model);
void model_find_depths(struct model *model);
/* Freezes layers of a model that has them all. ST_USAGE if there is no layer of the name,
   or if nothing is left to learn. */
enum status model_freeze_layers(struct model *model,
                                const struct model_freeze *freeze) MUST_CHECK;

/* Set ranges, ops, units and statistics of a model that has its layers. */
void model_find_ranges(struct model *model);
void model_find_learning(struct model *model);
void model_find_ops(struct model *model);
void model_release_ops(struct model *model);
/* Gives the ops their places in the packed vector. */
void model_place_packed(struct model *model);
/* Is the gradient of the op's first input wanted, for which it packs weights apart? */
bool model_packs_back(const struct model *model, int op);
/* model->feature is the value at which the model divides into a part that stays as it is,
   because it is frozen, and the rest. It is a function of the image alone; passes may
   begin and end with it.

   Does no op behind the value read one before it? */
bool model_divides(const struct model *model, int value);
void model_find_units(struct model *model);
void model_find_statistics(struct model *model);

/* The smallest input (h, w) with which `value` is at least least.h x least.w. The layers
   up to it are built; their smallest outputs are 1x1. False: no input does. */
bool model_least_input(const struct model *model, int value, struct shape least,
                       struct shape *input);

/* Parameters: what is neither padding nor a statistic. */
size_t layer_param_count(const struct layer *layer);

#endif
