/*
 * lab: what only measurements and tests ask of a model. Training uses none of it.
 */
#ifndef LOCKSTEP_NN_LAB_H
#define LOCKSTEP_NN_LAB_H

#include "nn/workspace.h"

/* Run every layer by itself: no fused blocks. Before workspaces are made. */
void model_unfuse(struct model *model);

/* One op alone, as model_forward and model_backward run it. Called by every member of the
   team. */
void model_forward_op(const struct model *model, struct workspace *ws,
                      const struct grain_pass *pass, int op);
void model_backward_op(const struct model *model, struct workspace *ws,
                       const struct grain_pass *pass, int op);

#endif
