/* layer_spec: a layer's config line, for its setup; and initial values. */
#ifndef LOCKSTEP_NN_LAYER_SPEC_H
#define LOCKSTEP_NN_LAYER_SPEC_H

#include "nn/layer.h"

/* A layer's config line: "conv 32 kernel=3" has kind "conv", value "32" and the option
   kernel=3. */
struct layer_spec {
    const char *where;               /* "letters.conf:12" for messages */
    const char *name;                /* of the layer, for messages */
    const char *text;                /* the whole line, without from=, as= and if= */
    int classes;                     /* the number that the word "classes" stands for */
    const char *input[LAYER_INPUTS]; /* the names of its inputs, for messages */
};

/* Values of `init`: "pytorch", Kaiming uniform with a = sqrt(5), that is
   U(+-1/sqrt(fan_in)) for weight and bias; "he", normal with deviation sqrt(2/fan_in),
   bias 0 (K. He et al., "Delving deep into rectifiers", ICCV 2015). */
enum layer_init { INIT_PYTORCH, INIT_HE, INIT_WHITEN };
extern const char *const layer_init_words[];
/* Of conv alone, also "whiten" (nn/whiten.h): until the data are there, as "pytorch",
   with a bias of 0. */
extern const char *const conv_init_words[];
void layer_init_values(const struct layer *layer, int t, int init, int fan_in,
                       struct rng *rng, float *values);

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

/* ST_USAGE unless the kernel of a convolution was given (not 0) and fits. */
enum status layer_check_kernel(const struct layer_spec *spec, const struct shape *in,
                               int kernel, int pad) MUST_CHECK;

#endif
