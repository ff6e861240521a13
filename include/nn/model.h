/*
 * model: the network: a graph of layers in topological order, the layout of their
 * parameters, and parts of it. nn/spec.h is the text it is made from, nn/workspace.h has
 * what a grain needs to pass through it.
 *
 * Layers pass values to each other: value 0 is the model's input, value i + 1 the output
 * of layer i, and layer->input are the values that it reads. Ops are numbered and wired
 * in the same way. A fused op runs in the place of its last layer and has that layer's
 * output; its inputs are those of its layers that come from outside; no other layer may
 * read what lies between.
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
#include "nn/spec.h"
#include "nn/statistic.h"

/* The smallest part that a model can be divided into. Units begin at layers with
   parameters, where a single value passes from the layers before to those behind; the
   first unit also has the layers before it. In a network without from=, these are all
   layers with parameters. */
struct model_unit {
    int layer, layer_end; /* layers [layer, layer_end) */
    size_t begin, end;    /* their parameters in the flat vector, padding included */
};

/* The values that an op reads. */
struct model_wires {
    int inputs;
    int value[LAYER_INPUTS];
};

#define LAYER_MEMBERS 3 /* of a fused op */

/* The layers that an op runs, in order. */
struct layer_members {
    int count;
    int layer[LAYER_MEMBERS]; /* positions in model->layer */
};

struct model {
    int layers;
    struct layer **layer; /* owned: (layers) as described */
    int ops;
    struct layer **op; /* owned: (ops) as run: a layer, or a block for several */
    struct layer_members *members; /* owned: (ops) */
    struct model_wires *wires;     /* owned: (ops) */
    bool *wanted;    /* owned: (ops + 1): backward computes the gradient of the value */
    struct shape in; /* of one sample */
    int classes;
    bool multi_label; /* it ends in logsigmoid */
    int grain;
    struct kernel_policy policy;
    bool forward_only; /* there is no backward pass (nn/fold.h) */
    /* Set before workspaces are made. Of a block (src/nn/leg.h), for tests; 0: as many as
       are fast. The op that all passes begin with: values before it have no memory. */
    int block_images, begin;
    int feature;        /* value behind the frozen part, or 0: src/nn/model_impl.h */
    size_t params;      /* floats in the flat vector, padding included */
    size_t learn_begin; /* no float before it changes in training */
    bool still;         /* by spec.freeze: what does not go back runs as in evaluation */
    size_t packed;      /* floats in the packed vector (nn/packed.h) */
    struct ranges ranges;         /* owned: of the flat vector */
    struct statistics statistics; /* owned: of the flat vector */
    double flops;                 /* dense, forward, per sample */
    int units;
    struct model_unit *unit; /* owned: (units) */

    /* How many of the whole model come before this part; 0 in a whole model. */
    int op_before, layer_before, tensor_before, unit_before;
    bool learns_before; /* of a part: does a unit before it learn? */
};

/* Builds the network for samples of shape `in`, `classes` classes and passes of at most
   `grain` samples. The last layer must be logsoftmax over `classes`, or logsigmoid, for
   images with several classes. ST_USAGE with a message if the spec is wrong, or if this
   machine has too little memory for the parameters and one workspace. */
enum status model_init(struct model *model, const struct model_spec *spec,
                       struct shape in, int classes, int grain) MUST_CHECK;
void model_release(struct model *model);

/* The same without the check of memory, for a process that holds a part only. */
enum status model_describe(struct model *model, const struct model_spec *spec,
                           struct shape in, int classes, int grain) MUST_CHECK;

/* Units [begin, end) of a whole model as a model of its own. Its flat vectors hold only
   the part's parameters; its input is the output of the unit before. A part that has
   units before it that learn also computes workspace.input_gradient.
   Layers keep their names and random draws, so the bits are those of the whole.
   Release with model_release. */
void model_part(struct model *part, const struct model *whole, int begin, int end);

/* Makes every layer an op of its own, without fused blocks, to compare the two. Call it
   before workspaces are made. */
void model_unfuse(struct model *model);

/* The number of rows and columns of the input, from the first, that can affect the
   output. Rounding in pools and strides can cut off the others. */
void model_seen(const struct model *model, int *rows, int *columns);

/* The first layer with a stride, or a kernel of more than one tap, that reads an image of
   1x1; NULL: none. least: h and w of the smallest input for which there is none. */
const struct layer *model_starved(const struct model *model, struct shape *least);

/* Initial parameters; each depends only on seed, tensor and element. model_init_tensor
   writes tensor t of layer l, in the layout of files. */
void model_init_tensor(const struct model *model, uint64_t seed, int l, int t,
                       float *file);
void model_init_params(const struct model *model, uint64_t seed, float *params);

/* Parameters, and those that learn; padding and statistics do not count. */
size_t model_param_count(const struct model *model);
size_t model_learning_count(const struct model *model);

/* The last layer with parameters, which tells the classes apart. */
const struct layer *model_head(const struct model *model);

/* Prints the table of layers, and the memory of a grain. */
void model_print(const struct model *model);

/* Does the op have a backward pass? Not if neither it nor an op before it learns.
   An op whose inputs' gradients are not wanted computes none. */
bool model_goes_back(const struct model *model, int op);

/* "conv1", or "conv1+maxpool1+gelu1" for a block; the caller frees. */
char *model_op_text(const struct model *model, int op);
/* The last layer whose work the op does; the op's own if it is no block. */
const struct layer *model_op_last(const struct model *model, int op);

/* The shape of a value of the ops. */
struct shape model_value_shape(const struct model *model, int value);

/* FLOPs of an op per sample: of the dense algorithm, and really done. Backward counts the
   weight gradient and the input gradient, if it is wanted. */
struct model_work {
    double dense_forward, dense_backward, true_forward, true_backward;
};
struct model_work model_op_work(const struct model *model, int op);

#endif
