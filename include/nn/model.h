/*
 * model: the network: its layers in order, their parameters, and parts of it. What a
 * grain needs to pass through it: nn/workspace.h.
 *
 * All ranks hold the same model. Parameters are one flat float vector, padded to a
 * multiple of 16; a gradient is a vector of the same layout. The model owns neither: the
 * trainer does, and passes them in.
 */
#ifndef LOCKSTEP_NN_MODEL_H
#define LOCKSTEP_NN_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "nn/layer.h"
#include "nn/range.h"

/* The [model] section: one text line a layer, and where each stands in its file. */
struct model_spec {
    int count;
    char **text;  /* owned, as are the texts: (count) */
    char **where; /* owned: (count) "file:line" */
};

/* At most MODEL_LAYERS. */
void model_spec_add(struct model_spec *spec, const char *text, const char *where);
void model_spec_release(struct model_spec *spec);

/* The smallest part of a model that computes for itself: a layer with parameters and
   those without that follow it; the first one also has those before it. */
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

    /* Of a part: what comes before it in the whole model; a whole model has 0. */
    int op_before, layer_before, tensor_before, unit_before;
};

/* Builds the network for samples of shape `in`, `classes` classes and passes of at most
   `grain` samples. The last layer must be logsoftmax over `classes`. Refused if this
   machine has too little memory for its parameters and a workspace. */
enum status model_init(struct model *model, const struct model_spec *spec,
                       struct shape in, int classes, int grain) MUST_CHECK;
void model_release(struct model *model);

/* The same for a model of which this process holds a part only: memory is not looked at.
 */
enum status model_describe(struct model *model, const struct model_spec *spec,
                           struct shape in, int classes, int grain) MUST_CHECK;

/* Units [begin, end) of a whole model, as a model of their own: flat vectors hold the
   part's parameters alone, its input is the output of what comes before it, and unless
   that is nothing, backward goes on to its input (workspace.input_gradient). Layers keep
   their names and random draws: the bits are those of the whole. model_release. */
void model_part(struct model *part, const struct model *whole, int begin, int end);

/* The first rows and columns of the input that can reach the output: less than all where
   the rounding of pools and strides cuts off the rest. */
void model_seen(const struct model *model, int *rows, int *columns);

/* Initial parameters, from (seed, tensor, element) alone. */
void model_init_params(const struct model *model, uint64_t seed, float *params);

/* Number of trainable parameters (padding not counted). */
size_t model_param_count(const struct model *model);

/* The network's table: layer, output shape, parameters, FLOPs; printed with log_out. */
void model_print(const struct model *model);

/* The first step that has parameters: backward ends there. It has an input gradient in
   those parts of a model that have something before them. */
int model_first_op(const struct model *model);

/* FLOPs of a step per sample: of the dense algorithm, and really done. Backward counts a
   product for each of weight and input gradient; the first step has no input's. */
struct model_work {
    double dense_forward, dense_backward, true_forward, true_backward;
};
struct model_work model_op_work(const struct model *model, int op);

#endif
