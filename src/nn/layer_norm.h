/* layer_norm: the layer batchnorm, for the ops that do more behind it. */
#ifndef LOCKSTEP_NN_LAYER_NORM_H
#define LOCKSTEP_NN_LAYER_NORM_H

#include "kernels/batchnorm.h"
#include "nn/layer.h"

struct layer_batchnorm_state {
    struct layer layer;
    struct batchnorm_shape shape;
    double epsilon;
    int affine; /* enum batchnorm_affine */
    int frozen; /* training uses running statistics and leaves them as they are */
    int init;   /* of the weight: enum layer_norm_init */
    enum activation activation; /* of a block; of a layer NONE */
};

/* A second input is added before the activation. Backward reads the output if the layer's
   ops say that it keeps it. */
void layer_batchnorm_gather(const struct layer *layer, const struct pass *pass);
void layer_batchnorm_settle(const struct layer *layer, const struct pass *pass);
void layer_batchnorm_forward(const struct layer *layer, const struct pass *pass);
void layer_batchnorm_gather_back(const struct layer *layer, const struct pass *pass);
void layer_batchnorm_settle_back(const struct layer *layer, const struct pass *pass);
void layer_batchnorm_backward(const struct layer *layer, const struct pass *pass);
struct split_sets layer_batchnorm_splits(const struct layer *layer);

#endif
