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
 * A layer is what the config describes. An op is what the model runs: a layer, or a fused
 * block that does the work of several (nn/model.h); it is a struct layer as well.
 */
#ifndef LOCKSTEP_NN_LAYER_H
#define LOCKSTEP_NN_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"
#include "base/shape.h"
#include "base/status.h"
#include "kernels/team.h"
#include "nn/range.h"

#define LAYER_TENSORS 2 /* weight, bias */
#define LAYER_NAME    24

struct layer_ops;

/* One parameter tensor of a layer. dim is its shape in files, which is PyTorch's: conv
   (K, C, R, S), linear (out, in), bias (out). Its order in memory may differ (to_file,
   from_file). */
struct layer_tensor {
    const char *name; /* "weight", "bias" */
    int dims;
    int dim[4];
    size_t offset;        /* in the model's flat parameter vector, in floats */
    size_t count;         /* floats */
    enum range_rule rule; /* weights decay, biases do not */
};

struct layer {
    const struct layer_ops *ops;
    char name[LAYER_NAME]; /* "conv1", "linear2": kind and number among its kind */
    struct shape in, out;
    int tensors;
    struct layer_tensor tensor[LAYER_TENSORS];
    size_t save;          /* bytes per sample kept from forward to backward */
    size_t scratch;       /* bytes needed during one pass, for a whole grain */
    double flops;         /* 2 * dense multiply-adds per sample, forward */
    double work_forward;  /* FLOPs done per sample; 0: flops */
    double work_backward; /* for each of weight and input gradient; 0: flops */
    /* Of a layer without tensors: FLOPs per sample; 0: one for each output. */
    double element_forward, element_backward;
    int index; /* position in the network */
    int grain; /* largest number of samples in a pass */
};

/* The pass of one grain through one layer or op, for one member of a team. */
struct pass {
    struct team team;
    int n;                  /* samples, 1..grain */
    bool train;             /* dropout on, save for backward */
    const float *x;         /* (n, in) */
    float *y;               /* (n, out) */
    const float *dy;        /* (n, out), backward */
    float *dx;              /* (n, in), backward; NULL: not needed */
    const float *params;    /* the flat vector; tensor i is at tensor[i].offset */
    float *grads;           /* flat gradient of the grain: written, not added to */
    void *save;             /* n * layer->save bytes, aligned to 64 */
    void *scratch;          /* shared by the team, aligned to 64; undefined at first */
    uint64_t seed;          /* of the run */
    uint64_t step;          /* of training; names random draws */
    const uint64_t *sample; /* (n) global sample numbers; name random draws */
};

/* A layer's config line: "conv 32 kernel=3" has kind "conv", value "32" and the option
   kernel=3. */
struct layer_spec {
    const char *where; /* "letters.conf:12" for messages */
    const char *name;  /* of the layer, for messages */
    const char *text;  /* the whole line */
    int classes;       /* the number that the word "classes" stands for */
};

struct layer_ops {
    const char *kind; /* keyword in the config, and the first part of the name */
    const char *help; /* "conv CHANNELS kernel=K [stride=1] [pad=0] [init=pytorch|he]" */
    size_t bytes;     /* of its struct, which begins with a struct layer */
    /* Reads the spec; fills in out, tensors (name, dims, dim, count, rule), save,
       scratch, flops or element_*. in, index, grain and name are set. ST_USAGE with a
       message: "letters.conf:12: conv2: kernel 5 is larger than its input 3x3x64". */
    enum status (*setup)(struct layer *layer, const struct layer_spec *spec);
    /* Initial values of tensor t in the file's order, from rng. NULL: no tensors. */
    void (*init)(const struct layer *layer, int t, struct rng *rng, float *values);
    void (*forward)(const struct layer *layer, const struct pass *pass);
    void (*backward)(const struct layer *layer, const struct pass *pass);
    /* The splits that forward and backward support (pass->team.split) besides auto and
       sequential. They depend on the shape, as on the number of channels. NULL: none. */
    struct split_sets (*splits)(const struct layer *layer);
    /* Convert tensor t between its order in memory and in files; NULL: the same. */
    void (*to_file)(const struct layer *layer, int t, const float *memory, float *file);
    void (*from_file)(const struct layer *layer, int t, const float *file, float *memory);
};

extern const struct layer_ops layer_conv, layer_maxpool, layer_avgpool, layer_relu,
    layer_gelu, layer_dropout, layer_flatten, layer_linear, layer_logsoftmax;

/* NULL-terminated list of all kinds. */
extern const struct layer_ops *const layer_kinds[];

/* The shape of a conv layer or a pool, for a full grain; NULL for all others. */
struct conv_shape;
struct pool_shape;
const struct conv_shape *layer_conv_shape(const struct layer *layer);
const struct pool_shape *layer_pool_shape(const struct layer *layer);

/* kind = the first word of a spec's text, cut to LAYER_NAME - 1 characters. */
void layer_spec_kind(const char *text, char kind[LAYER_NAME]);

/* --- for layers --- */

/* Values of `init`: "pytorch", Kaiming uniform with a = sqrt(5), that is
   U(+-1/sqrt(fan_in)) for weight and bias; "he", normal with deviation sqrt(2/fan_in),
   bias 0 (K. He et al., "Delving deep into rectifiers", ICCV 2015). */
extern const char *const layer_init_words[];
void layer_init_values(const struct layer *layer, int t, int init, int fan_in,
                       struct rng *rng, float *values);

/* --- reading a spec, for setup functions --- */

/* The value after the kind, an integer in [lo, hi] or "classes". If it is absent and not
   required, *out keeps its default. */
enum status layer_spec_value(const struct layer_spec *spec, bool required, long long lo,
                             long long hi, int *out) MUST_CHECK;
enum status layer_spec_int(const struct layer_spec *spec, const char *key, long long lo,
                           long long hi, int *out) MUST_CHECK;
enum status layer_spec_real(const struct layer_spec *spec, const char *key, double lo,
                            double hi, double *out) MUST_CHECK;
/* One of `words` (NULL-terminated); *out is its index. */
enum status layer_spec_word(const struct layer_spec *spec, const char *key,
                            const char *const *words, int *out) MUST_CHECK;
/* ST_USAGE if the line has an option that is not among keys (NULL-terminated; "did you
   mean"), an option twice, or more values than one (value) or none. */
enum status layer_spec_only(const struct layer_spec *spec, bool value,
                            const char *const *keys) MUST_CHECK;

#endif
