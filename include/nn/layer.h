/*
 * layer: one layer of the network, as a table of functions.
 *
 * A kind of layer is a `const struct layer_ops` at the end of its layer_*.c: struct,
 * setup, init, forward, backward, table. Parameters, gradients and buffers are views of
 * vectors that the trainer and the workspaces own; a layer allocates nothing after setup.
 * Every thread of a team calls forward and backward: they divide the output's channels,
 * features or elements with team_split, in panels whose shapes do not depend on the size
 * of the team, and end with team_barrier.
 *
 * An op is what the model runs: a layer of the config, or a fused block that does the
 * work of several (nn/model.h); it is a struct layer as well.
 */
#ifndef LOCKSTEP_NN_LAYER_H
#define LOCKSTEP_NN_LAYER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/rng.h"
#include "base/shape.h"
#include "base/status.h"
#include "kernels/policy.h"
#include "kernels/window.h"
#include "nn/layer_tensor.h"
#include "nn/pass.h"

#define LAYER_NAME   48
#define LAYER_INPUTS 2 /* add and mul take two */

struct layer_ops;
struct layer_spec; /* its config line: src/nn/layer_spec.h */

struct layer {
    const struct layer_ops *ops;
    char name[LAYER_NAME]; /* "conv1", "linear2": kind and number, or as= in the config */
    int inputs;            /* 1 or 2 */
    int input[LAYER_INPUTS];   /* the values that it reads (nn/model.h) */
    int readers;               /* inputs of layers that its output is */
    struct shape in, in2, out; /* in2: of the second input */
    int tensors;
    struct layer_tensor tensor[LAYER_TENSORS];
    struct layer_statistic statistic;
    struct window rows, columns; /* what an output looks at; size 0: no window */
    bool pad_same;               /* pads as the input's size demands */
    size_t save;                 /* bytes per sample kept from forward to backward */
    size_t save_grain;           /* the same, for a grain of any size */
    size_t room;                 /* bytes from gather to the end of a pass, for a grain */
    size_t scratch;              /* bytes needed during one pass, for a whole grain */
    size_t scratch_member;       /* and more of them for each member of the team */
    struct layer_packed packed, packed_back; /* for forward, and the input gradient */
    struct kernel_policy policy;
    double flops;         /* 2 * dense multiply-adds per sample, forward */
    double work_forward;  /* FLOPs done per sample; 0: flops */
    double work_backward; /* for each of weight and input gradient; 0: flops */
    double work_data;     /* for the input gradient, if it differs */
    /* FLOPs per sample of a layer without tensors; 0: one for each output. */
    double element_forward, element_backward;
    bool head;        /* the network's last layer with tensors */
    bool called_head; /* "head" stands for it: no layer has that name */
    int depth;        /* units of the network behind that of the layer (nn/model.h) */
    int index;        /* position in the network */
    int number; /* the same in the network of the config: its name in base/where.h */
    int grain;  /* largest number of samples in a pass */
};

/* What backward reads besides dy and save: a mask. What no backward pass reads is kept
   only until its last reader's forward pass. */
enum layer_keeps {
    LAYER_KEEPS_NONE = 0,
    LAYER_KEEPS_INPUT = 1,  /* the first one */
    LAYER_KEEPS_INPUT2 = 2, /* the second */
    LAYER_KEEPS_INPUTS = LAYER_KEEPS_INPUT | LAYER_KEEPS_INPUT2,
    LAYER_KEEPS_OUTPUT = 4,
};

#define LAYER_PASSES_ALL ((1u << LAYER_INPUTS) - 1)

struct layer_ops {
    const char *kind; /* keyword in the config, and the first part of the name */
    const char *help; /* "maxpool SIZE [stride=SIZE] [pad=0|same]" */
    size_t bytes;     /* of its struct, which begins with a struct layer */
    int inputs;       /* that it takes */
    unsigned keeps;   /* of enum layer_keeps */
    /* Bit i: the gradient of input i is dy itself, which is passed on without a copy.
       Backward is not called if that is so for all inputs. */
    unsigned passes_gradient;
    /* The samples of a grain affect each other's outputs. */
    bool couples;
    /* forward and backward may be called for some of a grain's samples at a time, with
       the same bits. */
    bool blocks;
    /* Backward may write the gradient of the first input over dy. */
    bool overwrites;
    /* Forward may write y over x, and do it again over the result. */
    bool in_place;
    /* Has parameters, but stays in the unit of the layer before if it alone reads it. */
    bool follows;
    /* In use, y = x: nn/fold.h leaves it out. */
    bool same_in_use;
    /* In use, y = factor x + offset in every channel (nn/fold.h); NULL: it is not. */
    void (*line)(const struct layer *layer, const float *params, double *factor,
                 double *offset);
    /* Channel k is linear in row k of tensor 0 (its first dim), plus tensor 1, if any. */
    bool folds;
    /* Swaps with increasing functions of a channel: maximum. */
    bool rises;
    /* Reads the spec; fills in out, tensors (name, dims, dim, count, rule), save,
       scratch, packed, flops or element_*. in, in2, index, grain, policy and name are
       set. ST_USAGE with a message: "letters.conf:12: conv2: the kernel 5x5 does not fit
       its input 3x3x64". */
    enum status (*setup)(struct layer *layer, const struct layer_spec *spec);
    /* Initial values of tensor t in the file's order, from rng. NULL: no tensors. */
    void (*init)(const struct layer *layer, int t, struct rng *rng, float *values);
    /* Writes packed.floats and packed_back.floats floats, aligned to 64 bytes, from the
       flat vector; packed_back NULL: no input gradient is wanted. Every member of the
       team calls it; ends with a barrier. NULL: the layer packs nothing. */
    void (*pack)(const struct layer *layer, const struct team *team, float *packed,
                 float *packed_back, const float *params);
    /* The parts of a pass (nn/pass.h). Without `gradients`, backward writes them.
       Backward may multiply dy by slopes that are 0 or 1 if no other op is given that
       gradient. */
    struct layer_coupling couples_forward, couples_backward;
    void (*forward)(const struct layer *layer, const struct pass *pass);
    void (*backward)(const struct layer *layer, const struct pass *pass);
    void (*gradients)(const struct layer *layer, const struct pass *pass);
    /* gradients may be called for some of a grain's samples at a time, in their order,
       with the same bits: with pass->first > 0 it adds to what it has written before, and
       the call with pass->first + pass->n == pass->all is the last. NULL: it may not. */
    bool (*gradients_go_on)(const struct layer *layer);
    /* The splits that forward and backward support (pass->team.split) besides auto and
       sequential. They depend on the shape, as on the number of channels. NULL: none. */
    struct split_sets (*splits)(const struct layer *layer);
    /* Its statistics stay as they are, and are used in training. NULL: it has none. */
    void (*freeze_statistics)(struct layer *layer);
    /* Convert tensor t between its order in memory and in files; NULL: the same. */
    void (*to_file)(const struct layer *layer, int t, const float *memory, float *file);
    void (*from_file)(const struct layer *layer, int t, const float *file, float *memory);
};

extern const struct layer_ops layer_conv, layer_maxpool, layer_avgpool, layer_relu,
    layer_gelu, layer_dropout, layer_flatten, layer_linear, layer_logsoftmax, layer_add,
    layer_mul, layer_batchnorm, layer_groupnorm, layer_relu6, layer_sigmoid,
    layer_hardsigmoid, layer_silu, layer_hardswish, layer_depthwise, layer_globalavgpool,
    layer_padchannels, layer_droppath, layer_scale, layer_logsigmoid;

/* NULL-terminated list of all kinds. */
extern const struct layer_ops *const layer_kinds[];

/* Does a step of training change some of its tensors? */
bool layer_changes(const struct layer *layer);
/* Must it sum gradients of parameters over all samples of a grain at once? */
bool layer_sums_grain(const struct layer *layer);

/* The bias, tensor 1, of a layer with weights, in the flat vector; NULL: it has none. */
const float *layer_bias(const struct layer *layer, const float *params);
float *layer_dbias(const struct layer *layer, float *grads);

#endif
