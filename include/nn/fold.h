/*
 * fold: the network as it is used, without a backward pass and with norms folded into the
 * layers before them.
 *
 * In use a batchnorm is factor x + offset in every channel (layer_ops.line). If it alone
 * reads a layer whose outputs are linear in its weights (layer_ops.folds), that layer can
 * do its work: weight' = factor weight, bias' = factor bias + offset. A layer without a
 * bias gets one. A pool may lie between the two if max(factor x) = factor max(x), that is
 * if no factor is below 0 (layer_ops.rises). The answers are the same up to rounding.
 * Dropout and droppath are left out (layer_ops.same_in_use).
 *
 * B. Jacob et al., "Quantization and Training of Neural Networks for Efficient
 * Integer-Arithmetic-Only Inference", CVPR 2018, section 3.2.
 */
#ifndef LOCKSTEP_NN_FOLD_H
#define LOCKSTEP_NN_FOLD_H

#include "nn/model.h"

struct fold {
    struct model model; /* forward only: its workspaces are smaller */
    /* The weights of model: `owned`, or the original's if there was nothing to fold. */
    const float *params;
    float *owned;
    /* owned: (layers of the original) the layer of `model` whose output is the same; -1:
       none, the norm behind it is in there. */
    int *place;
    int norms;    /* that were folded */
    size_t bytes; /* of the weights that it owns, or may own if it is only described */
};

/* model: whole or a part; params: its weights, borrowed. A function of the two alone. */
void fold_init(struct fold *fold, const struct model *model, const float *params);
/* The same without weights, to count bytes. Whether a norm behind a pool can be folded
   depends on the weights, so the caller chooses: no such norm is folded, or all are. */
enum fold_pools { FOLD_STOPS_AT_POOLS, FOLD_PASSES_POOLS };
void fold_describe(struct fold *fold, const struct model *model, enum fold_pools pools);
void fold_release(struct fold *fold);

/* Has the model norms that fold_init may fold? */
bool fold_helps(const struct model *model);

#endif
