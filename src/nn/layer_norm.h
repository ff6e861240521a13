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
extern const struct layer_ops layer_batchnorm_given; /* frozen */

void layer_batchnorm_gather(const struct layer *layer, const struct pass *pass);
void layer_batchnorm_settle(const struct layer *layer, const struct pass *pass);
void layer_batchnorm_forward(const struct layer *layer, const struct pass *pass);
void layer_batchnorm_gather_back(const struct layer *layer, const struct pass *pass);
void layer_batchnorm_settle_back(const struct layer *layer, const struct pass *pass);
void layer_batchnorm_backward(const struct layer *layer, const struct pass *pass);
void layer_batchnorm_forward_given(const struct layer *layer, const struct pass *pass);
void layer_batchnorm_backward_given(const struct layer *layer, const struct pass *pass);
void layer_batchnorm_gradients_given(const struct layer *layer, const struct pass *pass);
bool layer_batchnorm_go_on(const struct layer *layer);
struct split_sets layer_batchnorm_splits(const struct layer *layer);

/* Members of the tables of ops that end in a batchnorm: one that takes its statistics
   from the grain, one that is frozen. */
#define LAYER_BATCHNORM_MEASURED                                                    \
    .couples = true,                                                                \
    .couples_forward = {layer_batchnorm_gather, layer_batchnorm_settle},            \
    .couples_backward = {layer_batchnorm_gather_back, layer_batchnorm_settle_back}, \
    .forward = layer_batchnorm_forward, .backward = layer_batchnorm_backward,       \
    .splits = layer_batchnorm_splits
#define LAYER_BATCHNORM_GIVEN                     \
    .forward = layer_batchnorm_forward_given,     \
    .backward = layer_batchnorm_backward_given,   \
    .gradients = layer_batchnorm_gradients_given, \
    .gradients_go_on = layer_batchnorm_go_on, .splits = layer_batchnorm_splits

#endif
