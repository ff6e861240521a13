/*
 * layer: one step of the network, as a table of operations.
 *
 * A kind of layer is a `const struct layer_ops` at the end of its layer_*.c: struct,
 * setup, init, forward, backward, table. A layer borrows its parameters, gradients and
 * buffers as views of flat vectors that the model and its workspaces own; it allocates
 * nothing after setup. forward and backward are called by every thread of a team at once:
 * they split the output's channels, features or elements with team_split, in chunks whose
 * shapes do not depend on the team's size, and end with team_barrier.
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

/* One parameter tensor of a layer. The file shape is PyTorch's: conv (O, I, H, W), linear
   (out, in), bias (out); what lies in memory may be permuted (import and export). */
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
    char name[LAYER_NAME]; /* "conv1", "linear2": kind and its running number */
    struct shape in, out;
    int tensors;
    struct layer_tensor tensor[LAYER_TENSORS];
    size_t save;    /* bytes per sample kept from forward to backward */
    size_t scratch; /* bytes needed during one pass, for a whole grain */
    double flops;   /* dense multiply-adds * 2 per sample, forward */
    double work_forward,
        work_backward; /* FLOPs really done; 0: flops, and per gradient */
    int index;         /* position in the network */
    int grain;         /* largest number of samples in a pass */
};

/* One grain through one layer, as one member of a team sees it. */
struct pass {
    struct team team;
    int n;                  /* samples, 1..grain */
    bool train;             /* dropout on, save for backward */
    const float *x;         /* (n, in) */
    float *y;               /* (n, out) */
    const float *dy;        /* (n, out), backward */
    float *dx;              /* (n, in), backward; NULL when nobody needs it */
    const float *params;    /* the whole flat vector; add tensor[i].offset */
    float *grads;           /* the grain's flat gradient: written, not added to */
    void *save;             /* n * layer->save bytes, aligned to 64 */
    void *scratch;          /* shared by the team, aligned to 64; contents undefined */
    uint64_t seed;          /* of the run */
    uint64_t step;          /* of training: a name for random draws */
    const uint64_t *sample; /* (n) global sample numbers: names for random draws */
};

/* Text of a layer's config line, taken apart: "conv 32 kernel=3" is kind "conv", value
   "32", option kernel=3. */
struct layer_spec {
    const char *where; /* "letters.conf:12" for messages */
    const char *name;  /* the layer's, for messages */
    const char *text;  /* the whole line */
    int classes;       /* what the word "classes" means as a number */
};

struct layer_ops {
    const char *kind; /* the config's keyword and the name's stem */
    const char *help; /* "conv CHANNELS kernel=K [stride=1] [pad=0] [init=pytorch|he]" */
    size_t bytes;     /* of the struct that begins with a struct layer */
    /* Reads the spec; fills in out, tensors (name, dims, dim, count, rule), save,
       scratch, flops. in, index, grain, name are set already. Says what does not fit:
       "letters.conf:12: conv2: kernel 5 is larger than its input 3x3x64". */
    enum status (*setup)(struct layer *layer, const struct layer_spec *spec);
    /* Initial values of tensor t, drawn from rng in the file's order. NULL: no tensors.
     */
    void (*init)(const struct layer *layer, int t, struct rng *rng, float *values);
    void (*forward)(const struct layer *layer, const struct pass *pass);
    void (*backward)(const struct layer *layer, const struct pass *pass);
    /* Which splits they know, besides auto and sequential (pass->team.split); they depend
       on the shape, e.g. on how many channels there are to share. NULL: none. */
    struct split_sets (*splits)(const struct layer *layer);
    /* Between memory layout and the file's; NULL: the same. */
    void (*to_file)(const struct layer *layer, int t, const float *memory, float *file);
    void (*from_file)(const struct layer *layer, int t, const float *file, float *memory);
};

extern const struct layer_ops layer_conv, layer_maxpool, layer_avgpool, layer_relu,
    layer_gelu, layer_dropout, layer_flatten, layer_linear, layer_logsoftmax;

/* NULL-terminated list of all kinds. */
extern const struct layer_ops *const layer_kinds[];

/* The shape of a conv layer, of a pool, at the network's grain; NULL for all others. */
struct conv_shape;
struct pool_shape;
const struct conv_shape *layer_conv_shape(const struct layer *layer);
const struct pool_shape *layer_pool_shape(const struct layer *layer);

/* The first word of a spec's text in `kind`, cut to LAYER_NAME. */
void layer_spec_kind(const char *text, char kind[LAYER_NAME]);

/* --- for layers --- */

/* Values of `init`: "pytorch", Kaiming uniform with a = sqrt(5), that is
   U(+-1/sqrt(fan_in)) for weight and bias; "he", normal with deviation sqrt(2/fan_in),
   bias 0 (K. He et al., "Delving deep into rectifiers", ICCV 2015). */
extern const char *const layer_init_words[];
void layer_init_values(const struct layer *layer, int t, int init, int fan_in,
                       struct rng *rng, float *values);

/* --- reading a spec, for setup functions --- */

/* The positional value after the kind as an integer in [lo, hi] ("classes" is replaced);
 *out keeps its default when the value is absent and `required` is false. */
enum status layer_spec_value(const struct layer_spec *spec, bool required, long long lo,
                             long long hi, int *out) MUST_CHECK;
enum status layer_spec_int(const struct layer_spec *spec, const char *key, long long lo,
                           long long hi, int *out) MUST_CHECK;
enum status layer_spec_real(const struct layer_spec *spec, const char *key, double lo,
                            double hi, double *out) MUST_CHECK;
/* One of the words (NULL-terminated); *out is its index. */
enum status layer_spec_word(const struct layer_spec *spec, const char *key,
                            const char *const *words, int *out) MUST_CHECK;
/* Every option of the line must be among keys (NULL-terminated): "did you mean". Also
   refuses a surplus positional value when `value` is false. */
enum status layer_spec_only(const struct layer_spec *spec, bool value,
                            const char *const *keys) MUST_CHECK;

#endif
