/*
 * model: the network: its layers in order, the layout of their parameters, and parts of
 * it. nn/workspace.h has what a grain needs to pass through it.
 *
 * All ranks hold the same model. The parameters are one flat vector of floats, in which
 * every tensor begins at a multiple of 16; a gradient is a vector with the same layout.
 * The trainer owns both and passes them in.
 */
#ifndef LOCKSTEP_NN_MODEL_H
#define LOCKSTEP_NN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "nn/layer.h"
#include "nn/range.h"

/* The [model] section: one line of text for each layer, and its place in the file. */
struct model_spec {
    int count;
    char **text;  /* owned, as are the texts: (count) */
    char **where; /* owned: (count) "file:line" */
};

/* At most MODEL_LAYERS. */
void model_spec_add(struct model_spec *spec, const char *text, const char *where);
void model_spec_release(struct model_spec *spec);

/* The smallest part that a model can be divided into: a layer with parameters and the
   layers without that follow it; the first unit also has those before it. */
struct model_unit {
    int layer, layer_end; /* layers [layer, layer_end) */
    size_t begin, end;    /* their parameters in the flat vector, padding included */
};

struct model {
    int layers;
    struct layer **layer; /* owned: (layers) as described */
    int ops;
    struct layer **op; /* owned: (ops) as run: a layer, or a block for several */
    struct shape in;   /* of one sample */
    int classes;
    int grain;
    size_t params;        /* floats in the flat vector, padding included */
    struct ranges ranges; /* owned: of the flat vector */
    double flops;         /* dense, forward, per sample */
    int units;
    struct model_unit *unit; /* owned: (units) */

    /* Of a part: how many come before it in the whole model. Of a whole model: 0. */
    int op_before, layer_before, tensor_before, unit_before;
};

/* Builds the network for samples of shape `in`, `classes` classes and passes of at most
   `grain` samples. The last layer must be logsoftmax over `classes`. ST_USAGE with a
   message if the spec is wrong, or if this machine has too little memory for the
   parameters and one workspace. */
enum status model_init(struct model *model, const struct model_spec *spec,
                       struct shape in, int classes, int grain) MUST_CHECK;
void model_release(struct model *model);

/* The same without the check of memory, for a process that holds a part only. */
enum status model_describe(struct model *model, const struct model_spec *spec,
                           struct shape in, int classes, int grain) MUST_CHECK;

/* Units [begin, end) of a whole model as a model of its own. Its flat vectors hold only
   the part's parameters; its input is the output of the unit before. A part that has
   units before it also computes the gradient of its input (workspace.input_gradient).
   Layers keep their names and random draws, so the bits are those of the whole.
   Release with model_release. */
void model_part(struct model *part, const struct model *whole, int begin, int end);

/* Makes every layer an op of its own, without fused blocks, to compare the two. Call it
   before workspaces are made. */
void model_unfuse(struct model *model);

/* The number of rows and columns of the input, from the first, that can affect the
   output. Rounding in pools and strides can cut off the others. */
void model_seen(const struct model *model, int *rows, int *columns);

/* Initial parameters; each depends only on seed, tensor and element. */
void model_init_params(const struct model *model, uint64_t seed, float *params);

/* Number of trainable parameters (padding not counted). */
size_t model_param_count(const struct model *model);

/* Prints a table with log_out: layer, output shape, parameters, FLOPs. */
void model_print(const struct model *model);

/* The first op with parameters: backward ends there. It computes an input gradient only
   in a part that has units before it. */
int model_first_op(const struct model *model);

/* FLOPs of an op per sample: of the dense algorithm, and really done. Backward counts the
   weight gradient and the input gradient, which the first op with parameters lacks. */
struct model_work {
    double dense_forward, dense_backward, true_forward, true_backward;
};
struct model_work model_op_work(const struct model *model, int op);

#endif
