/*
 * onnx_build: the model while it is made, layer by layer, for those who describe layers.
 */
#ifndef LOCKSTEP_APP_EXPORT_ONNX_BUILD_H
#define LOCKSTEP_APP_EXPORT_ONNX_BUILD_H

#include "io/onnx.h"
#include "nn/model.h"

/* Dimensions of a value in the graph. */
enum onnx_rank {
    ONNX_AS_IT_IS = 0, /* for questions */
    ONNX_FLAT = 2,     /* (N, C) */
    ONNX_IMAGE = 4,    /* (N, C, H, W) */
};

/* What stands for a value of the network (nn/model.h). */
struct onnx_place {
    char *name; /* owned */
    enum onnx_rank rank;
};

struct onnx_build {
    struct onnx_model *model; /* borrowed, as net and params */
    const struct model *net;
    const float *params;
    int layer;                /* that is being described: its place in net */
    struct onnx_place *place; /* owned: (layers + 1) */
};

/* Names that these functions return live as long as the model. */

/* The name of input k of a layer, with this rank: adds a node if it has another one. */
const char *onnx_build_input(struct onnx_build *build, const struct layer *layer, int k,
                             enum onnx_rank rank);
enum onnx_rank onnx_build_rank(const struct onnx_build *build, const struct layer *layer,
                               int k);
/* The layer's output is this value. */
void onnx_build_output(struct onnx_build *build, const char *name, enum onnx_rank rank);

/* Adds the node "/NAME", or "/NAME/PART", whose output has the same name. inputs: to the
   first NULL. */
struct onnx_node *onnx_build_node(struct onnx_build *build, const char *op,
                                  const char *name, const char *part,
                                  const char *const *inputs);
#define ONNX_NODE_INPUTS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Tensor t of a layer. */
const char *onnx_build_weights(struct onnx_build *build, const struct layer *layer,
                               int t);
/* The constant "NAME.PART": one number; one for each of `channels` channels of a value of
   this rank; a list of integers. */
const char *onnx_build_number(struct onnx_build *build, const char *name,
                              const char *part, float value);
const char *onnx_build_channels(struct onnx_build *build, const char *name,
                                const char *part, enum onnx_rank rank, int channels,
                                const float *value);
const char *onnx_build_ints(struct onnx_build *build, const char *name, const char *part,
                            int count, const int64_t *value);

/* --- layers (onnx_layers.c) --- */

/* How a kind of layer is written. */
struct onnx_form {
    const struct layer_ops *ops;
    /* NULL: it can only be the last layer. */
    void (*emit)(struct onnx_build *build, const struct layer *layer,
                 const struct onnx_form *form);
    const char *op;            /* for emit; or NULL */
    const char *probabilities; /* of a last layer: the operator on its input */
};

/* NULL: there is none. */
const struct onnx_form *onnx_form_of(const struct layer_ops *ops);

#endif
