/*
 * packed: the weights of a model in the layouts that its kernels read: panels, or filters
 * transformed by Winograd. Whoever changes the flat vector packs it anew; all lanes of a
 * rank share the packed vector.
 */
#ifndef LOCKSTEP_NN_PACKED_H
#define LOCKSTEP_NN_PACKED_H

#include "nn/model.h"

/* Writes what op `from` and those behind it have of packed (model->packed), which is
   aligned to 64 bytes. Every member of the team calls it; ends with a barrier. */
void model_pack(const struct model *model, const struct team *team, int from,
                float *packed, const float *params);

/* The same by one thread, in new memory, for weights that stay as they are; free with
   free(). */
float *model_packed(const struct model *model, const float *params);

#endif
