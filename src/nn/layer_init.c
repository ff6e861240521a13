/* layer_init: initial values of layers with weights. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/parse.h"
#include "layer_spec.h"

const char *const layer_norm_inits[] = {"one", "zero", NULL};

/* PyTorch's fans of a weight (out, in, ...): those of one output, and of one input as if
   all outputs used it. */
static double init_fan(const struct layer_tensor *weight, int side)
{
    double fan = weight->dim[side];
    for (int i = 2; i < weight->dims; i++)
        fan *= weight->dim[i];
    return fan;
}

static double init_fan_in(const struct layer *layer)
{
    return init_fan(&layer->tensor[0], 1);
}

static double init_fan_out(const struct layer *layer)
{
    return init_fan(&layer->tensor[0], 0);
}

static void init_uniform(struct rng *rng, double bound, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = rng_range(rng, -(float)bound, (float)bound);
}

static void init_normal(struct rng *rng, double deviation, float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = (float)deviation * rng_normal(rng);
}

/* --- weights --- */

static void init_pytorch(const struct layer *layer, double unused, struct rng *rng,
                         float *values)
{
    (void)unused;
    init_uniform(rng, 1.0 / sqrt(init_fan_in(layer)), values, layer->tensor[0].count);
}

static void init_he(const struct layer *layer, double unused, struct rng *rng,
                    float *values)
{
    (void)unused;
    init_normal(rng, sqrt(2.0 / init_fan_in(layer)), values, layer->tensor[0].count);
}

static void init_he_out(const struct layer *layer, double unused, struct rng *rng,
                        float *values)
{
    (void)unused;
    init_normal(rng, sqrt(2.0 / init_fan_out(layer)), values, layer->tensor[0].count);
}

static void init_uniform_out(const struct layer *layer, double unused, struct rng *rng,
                             float *values)
{
    (void)unused;
    init_uniform(rng, 1.0 / sqrt(init_fan_out(layer)), values, layer->tensor[0].count);
}

static void init_deviation(const struct layer *layer, double deviation, struct rng *rng,
                           float *values)
{
    init_normal(rng, deviation, values, layer->tensor[0].count);
}

static void init_zero(const struct layer *layer, double unused, struct rng *rng,
                      float *values)
{
    (void)unused;
    (void)rng;
    memset(values, 0, layer->tensor[0].count * sizeof *values);
}

/* In each group the first filters copy one input each, as many as it has inputs; the
   others are initialised as in PyTorch. */
static void init_dirac(const struct layer *layer, double unused, struct rng *rng,
                       float *values)
{
    const struct layer_tensor *weight = &layer->tensor[0];
    int inputs = weight->dim[1], filters = weight->dim[0] / (layer->in.c / inputs);
    int taps = weight->dim[2] * weight->dim[3];
    int centre = weight->dim[2] / 2 * weight->dim[3] + weight->dim[3] / 2;
    init_pytorch(layer, unused, rng, values);
    for (int k = 0; k < weight->dim[0]; k++) {
        float *filter = values + (size_t)k * (size_t)inputs * (size_t)taps;
        int copied = k % filters;
        if (copied >= inputs)
            continue;
        memset(filter, 0, (size_t)inputs * (size_t)taps * sizeof *filter);
        filter[copied * taps + centre] = 1.0f;
    }
}

/* --- the table --- */

#define INIT_WHITEN "whiten"

static const struct init_kind {
    const char *name;
    void (*weight)(const struct layer *layer, double deviation, struct rng *rng,
                   float *values);
    bool zero_bias; /* or as in PyTorch */
    bool filters;   /* of convolutions alone */
} init_kinds[] = {
    {"pytorch", init_pytorch, false, false},
    {"he", init_he, true, false},
    {"he_out", init_he_out, true, false},
    {"uniform_out", init_uniform_out, true, false},
    {"normal", init_deviation, true, false},
    {"zero", init_zero, true, false},
    {"dirac", init_dirac, false, true},
    {INIT_WHITEN, init_pytorch, true, true},
};
#define INIT_KINDS (int)(sizeof init_kinds / sizeof *init_kinds)

static enum status init_unknown(const struct layer_spec *spec, const char *word)
{
    const char *names[INIT_KINDS];
    for (int i = 0; i < INIT_KINDS; i++)
        names[i] = init_kinds[i].name;
    const char *near = parse_nearest(word, names, INIT_KINDS);
    if (near)
        FAIL(ST_USAGE, "%s: %s: unknown init '%s', did you mean '%s'?", spec->where,
             spec->name, word, near);
    char all[PARSE_CHOICES];
    FAIL(ST_USAGE, "%s: %s: unknown init '%s': expected %s", spec->where, spec->name,
         word, parse_choices(names, INIT_KINDS, all));
}

/* The D of "normal:D". */
static enum status init_read_deviation(const struct layer_spec *spec, const char *word,
                                       const char *deviation, struct layer_init *init)
{
    bool wanted = init_kinds[init->kind].weight == init_deviation;
    if (!wanted && !deviation)
        return ST_OK;
    if (!wanted)
        FAIL(ST_USAGE, "%s: %s: init '%s' takes no number", spec->where, spec->name,
             word);
    if (!deviation)
        FAIL(ST_USAGE,
             "%s: %s: init 'normal' lacks its standard deviation, as in normal:0.01",
             spec->where, spec->name);
    if (!parse_real(deviation, 0, 1e6, &init->deviation))
        FAIL(ST_USAGE,
             "%s: %s: the standard deviation '%s' of init 'normal' is not a number from "
             "0 to 1000000",
             spec->where, spec->name, deviation);
    return ST_OK;
}

enum status layer_spec_init(const struct layer_spec *spec, bool filters,
                            struct layer_init *init)
{
    char word[SPEC_WORD];
    *init = (struct layer_init){0};
    if (!layer_spec_text(spec, "init", word))
        return ST_OK;
    char *deviation = strchr(word, ':');
    if (deviation)
        *deviation++ = '\0';
    while (init->kind < INIT_KINDS && strcmp(init_kinds[init->kind].name, word) != 0)
        init->kind++;
    if (init->kind == INIT_KINDS)
        return init_unknown(spec, word);
    if (init_kinds[init->kind].filters && !filters)
        FAIL(ST_USAGE, "%s: %s: init '%s' is for convolutions", spec->where, spec->name,
             word);
    return init_read_deviation(spec, word, deviation, init);
}

bool layer_init_whitens(const struct layer_init *init)
{
    return strcmp(init_kinds[init->kind].name, INIT_WHITEN) == 0;
}

void layer_init_values(const struct layer *layer, int t, const struct layer_init *init,
                       struct rng *rng, float *values)
{
    const struct init_kind *kind = &init_kinds[init->kind];
    size_t count = layer->tensor[t].count;
    if (t == 0)
        kind->weight(layer, init->deviation, rng, values);
    else if (kind->zero_bias)
        memset(values, 0, count * sizeof *values);
    else
        init_uniform(rng, 1.0 / sqrt(init_fan_in(layer)), values, count);
}
