/* layer_spec: a layer's config line, for its setup; initial values; windows. */
#ifndef LOCKSTEP_NN_LAYER_SPEC_H
#define LOCKSTEP_NN_LAYER_SPEC_H

#include "nn/layer.h"
#include "spec_line.h"

/* A layer's config line: "conv 32 kernel=3" has kind "conv", value "32" and the option
   kernel=3. */
struct layer_spec {
    const char *where;               /* "letters.conf:12" for messages */
    const char *name;                /* of the layer, for messages */
    const char *text;                /* the whole line, without from=, as= and if= */
    int classes;                     /* the number that the word "classes" stands for */
    const char *input[LAYER_INPUTS]; /* the names of its inputs, for messages */
    const struct model *model;       /* the layers so far */
};

/* Initial values (docs/networks.md has the table). */
struct layer_init {
    int kind;         /* index in the table of layer_init.c */
    double deviation; /* of normal:D */
};
/* Reads init=; absent: pytorch. filters: the layer is a convolution. */
enum status layer_spec_init(const struct layer_spec *spec, bool filters,
                            struct layer_init *init) MUST_CHECK;
/* Is it "whiten"? Until the data are there (nn/whiten.h), such weights are those of
   "pytorch" with a bias of 0. */
bool layer_init_whitens(const struct layer_init *init);
/* Writes tensor t, in the file's order. Tensor 0 is the weight. */
void layer_init_values(const struct layer *layer, int t, const struct layer_init *init,
                       struct rng *rng, float *values);

/* How the weight of a norm begins, for layer_spec_word. With zero, a residual branch that
   ends in the norm adds nothing at first (P. Goyal et al., "Accurate, large minibatch
   SGD", 2017, section 5.1). */
enum layer_norm_init { LAYER_NORM_ONE, LAYER_NORM_ZERO };
extern const char *const layer_norm_inits[];

/* The value after the kind, an integer in [lo, hi] or "classes". If it is absent and not
   required, *out keeps its default. */
enum status layer_spec_value(const struct layer_spec *spec, bool required, long long lo,
                             long long hi, int *out) MUST_CHECK;
enum status layer_spec_int(const struct layer_spec *spec, const char *key, long long lo,
                           long long hi, int *out) MUST_CHECK;
enum status layer_spec_real(const struct layer_spec *spec, const char *key, double lo,
                            double hi, double *out) MUST_CHECK;
/* For layer_spec_word: "off", "on". */
extern const char *const layer_off_on[];
/* One of `words` (NULL-terminated); *out is its index. */
enum status layer_spec_word(const struct layer_spec *spec, const char *key,
                            const char *const *words, int *out) MUST_CHECK;
/* ST_USAGE if the line has an option that is not among keys (NULL-terminated; "did you
   mean"), an option twice, or more values than one (value) or none. */
enum status layer_spec_only(const struct layer_spec *spec, bool value,
                            const char *const *keys) MUST_CHECK;

/* The text behind "key=", or the value after the kind if key is NULL; false: absent. */
bool layer_spec_text(const struct layer_spec *spec, const char *key,
                     char text[SPEC_WORD]);

/* What the windows of a kind of layer are called, where their size stands, limits. */
struct layer_window_kind {
    const char *noun; /* "kernel" */
    const char *key;  /* of the size; NULL: the value after the kind */
    int most;         /* size of a side */
    bool pools;       /* the stride is the size, unless given; pads half of it at most */
};

/* Reads size, stride=, pad= and dilation= into layer->rows and columns. ST_USAGE, with
   the size of image that would do, if the window does not fit the layer's input. */
enum status layer_spec_windows(struct layer *layer, const struct layer_spec *spec,
                               const struct layer_window_kind *kind) MUST_CHECK;

#endif
