/* conv and depthwise. */
#include <stddef.h>

#include "kernels/conv.h"
#include "layer_impl.h"
#include "layer_spec.h"
#include "nn/whiten.h"

#define CONV_PATCH_MOST \
    (1 << 26) /* values; keeps the products of sizes far from overflow */

struct layer_conv_state {
    struct layer layer;
    struct conv_shape shape;
    struct layer_init init;
    int bias;   /* off or on */
    int frozen; /* enum conv_frozen */
};

enum conv_frozen { CONV_FROZEN_OFF, CONV_FROZEN_WEIGHT, CONV_FROZEN_ON };
static const char *const conv_frozen_words[] = {"off", "weight", "on", NULL};

static const char *const conv_options[] = {
    "kernel", "stride", "pad", "dilation", "groups", "bias", "init", "frozen", NULL};
static const char *const depthwise_options[] = {"kernel", "stride", "pad",    "dilation",
                                                "bias",   "init",   "frozen", NULL};

static const struct layer_conv_state *conv_state(const struct layer *layer)
{
    return (const struct layer_conv_state *)layer;
}

const struct conv_shape *layer_conv_shape(const struct layer *layer)
{
    bool conv = layer->ops == &layer_conv || layer->ops == &layer_depthwise;
    return conv ? &conv_state(layer)->shape : NULL;
}

bool layer_conv_whitens(const struct layer *layer)
{
    return layer->ops == &layer_conv && layer_init_whitens(&conv_state(layer)->init);
}

static enum status conv_check_whiten(const struct layer_conv_state *conv,
                                     const struct layer_spec *spec)
{
    const struct conv_shape *s = &conv->shape;
    if (conv->layer.ops != &layer_conv || conv_groups(s) > 1)
        FAIL(ST_USAGE, "%s: %s: init 'whiten' is for 'conv' without groups", spec->where,
             spec->name);
    if (conv->layer.input[0] != 0)
        FAIL(
            ST_USAGE,
            "%s: %s: init=whiten is for a layer that reads the network's input, not '%s'",
            spec->where, spec->name, spec->input[0]);
    if (s->k < 2)
        FAIL(ST_USAGE,
             "%s: %s: init=whiten needs two filters for each direction that it whitens: "
             "give the layer 2 channels or more",
             spec->where, spec->name);
    if (conv_taps(s) > WHITEN_MOST)
        FAIL(ST_USAGE,
             "%s: %s: init=whiten takes patches of at most %d values, not %dx%dx%d",
             spec->where, spec->name, WHITEN_MOST, s->r.size, s->s.size, s->c);
    if (s->r.size > s->h || s->s.size > s->w || s->r.dilation > 1 || s->s.dilation > 1)
        FAIL(ST_USAGE,
             "%s: %s: init=whiten needs whole patches of its input %dx%dx%d, without "
             "dilation",
             spec->where, spec->name, s->h, s->w, s->c);
    return ST_OK;
}

static enum status conv_read_groups(const struct layer *layer,
                                    const struct layer_spec *spec, int channels,
                                    int *groups)
{
    TRY(layer_spec_int(spec, "groups", 1, 65536, groups));
    if (layer->in.c % *groups != 0)
        FAIL(ST_USAGE, "%s: %s: %d groups do not divide the %d channels of its input",
             spec->where, spec->name, *groups, layer->in.c);
    if (channels % *groups != 0)
        FAIL(ST_USAGE, "%s: %s: %d groups do not divide its %d channels", spec->where,
             spec->name, *groups, channels);
    return ST_OK;
}

static void conv_set_tensors(struct layer *layer, const struct conv_shape *s)
{
    const struct layer_conv_state *conv = conv_state(layer);
    bool fixed = conv->frozen != CONV_FROZEN_OFF, all = conv->frozen == CONV_FROZEN_ON;
    layer->tensors = conv->bias ? 2 : 1;
    layer->tensor[0] =
        (struct layer_tensor){.name = "weight",
                              .dims = 4,
                              .dim = {s->k, s->c / conv_groups(s), s->r.size, s->s.size},
                              .count = (size_t)s->k * conv_taps(s),
                              .rule = fixed ? RANGE_FROZEN : RANGE_TRAIN_DECAY};
    layer->tensor[1] = (struct layer_tensor){.name = "bias",
                                             .dims = 1,
                                             .dim = {s->k},
                                             .count = (size_t)s->k,
                                             .rule = all ? RANGE_FROZEN : RANGE_TRAIN};
}

/* The options that conv and depthwise share. */
static enum status conv_setup_filters(struct layer *layer, const struct layer_spec *spec,
                                      int channels, int groups)
{
    static const struct layer_window_kind kind = {
        .noun = "kernel", .key = "kernel", .most = 1024};
    struct layer_conv_state *conv = (struct layer_conv_state *)layer;
    const struct shape *in = &layer->in;
    const struct window *r = &layer->rows, *s = &layer->columns;
    conv->bias = 1;
    TRY(layer_spec_word(spec, "bias", layer_off_on, &conv->bias));
    TRY(layer_spec_init(spec, true, &conv->init));
    TRY(layer_spec_word(spec, "frozen", conv_frozen_words, &conv->frozen));
    TRY(layer_spec_windows(layer, spec, &kind));
    if ((double)r->size * s->size * in->c > CONV_PATCH_MOST)
        FAIL(ST_USAGE, "%s: %s: a kernel of %dx%dx%d values is too large", spec->where,
             spec->name, r->size, s->size, in->c);
    struct conv_shape *shape = &conv->shape;
    *shape = (struct conv_shape){.n = layer->grain,
                                 .h = in->h,
                                 .w = in->w,
                                 .c = in->c,
                                 .k = channels,
                                 .r = *r,
                                 .s = *s,
                                 .groups = groups};
    conv_shape_complete(shape);
    if (layer_init_whitens(&conv->init))
        TRY(conv_check_whiten(conv, spec));
    conv_set_tensors(layer, shape);
    layer->out = (struct shape){shape->p, shape->q, channels};
    layer->scratch = conv_scratch(shape);
    /* may not fit into an int */
    layer->flops = 2.0 * (double)conv_taps(shape) * shape->p * shape->q * channels;
    return ST_OK;
}

static enum status conv_setup(struct layer *layer, const struct layer_spec *spec)
{
    int channels = 0, groups = 1;
    TRY(layer_spec_only(spec, true, conv_options));
    TRY(layer_spec_value(spec, true, 1, 65536, &channels));
    TRY(conv_read_groups(layer, spec, channels, &groups));
    return conv_setup_filters(layer, spec, channels, groups);
}

static enum status depthwise_setup(struct layer *layer, const struct layer_spec *spec)
{
    TRY(layer_spec_only(spec, false, depthwise_options));
    return conv_setup_filters(layer, spec, layer->in.c, layer->in.c);
}

static void conv_init(const struct layer *layer, int t, struct rng *rng, float *values)
{
    layer_init_values(layer, t, &conv_state(layer)->init, rng, values);
}

static struct conv_shape conv_grain_shape(const struct layer *layer,
                                          const struct pass *pass)
{
    struct conv_shape shape = conv_state(layer)->shape;
    shape.n = pass->n;
    return shape;
}

static void conv_layer_forward(const struct layer *layer, const struct pass *pass)
{
    struct conv_shape shape = conv_grain_shape(layer, pass);
    conv_forward(&pass->team, &shape, pass->y, pass->x,
                 pass->params + layer->tensor[0].offset, layer_bias(layer, pass->params),
                 pass->scratch);
}

static void conv_layer_backward(const struct layer *layer, const struct pass *pass)
{
    struct conv_shape shape = conv_grain_shape(layer, pass);
    conv_backward_weight(&pass->team, &shape, pass->grads + layer->tensor[0].offset,
                         layer_dbias(layer, pass->grads), pass->x, pass->dy,
                         pass->scratch);
    if (pass->dx)
        conv_backward_data(&pass->team, &shape, pass->dx, pass->dy,
                           pass->params + layer->tensor[0].offset, pass->scratch);
}

static struct split_sets conv_layer_splits(const struct layer *layer)
{
    return conv_splits(&conv_state(layer)->shape);
}

/* The index in memory of an index in the file, (K, C / groups, R, S). In memory a filter
   is a channel-last patch, (K, R, S, C / groups), or depthwise, (R, S, C). */
static size_t conv_memory_index(const struct conv_shape *s, size_t file)
{
    size_t plane = (size_t)s->r.size * (size_t)s->s.size;
    size_t c = (size_t)(s->c / conv_groups(s));
    size_t pixel = file % plane, channel = file / plane % c, out = file / plane / c;
    if (conv_is_depthwise(s))
        return pixel * (size_t)s->k + out;
    return (out * plane + pixel) * c + channel;
}

static void conv_to_file(const struct layer *layer, int t, const float *memory,
                         float *file)
{
    for (size_t i = 0; i < layer->tensor[t].count; i++)
        file[i] = memory[t == 0 ? conv_memory_index(&conv_state(layer)->shape, i) : i];
}

static void conv_from_file(const struct layer *layer, int t, const float *file,
                           float *memory)
{
    for (size_t i = 0; i < layer->tensor[t].count; i++)
        memory[t == 0 ? conv_memory_index(&conv_state(layer)->shape, i) : i] = file[i];
}

const struct layer_ops layer_conv = {
    .kind = "conv",
    .help = "conv CHANNELS kernel=K [stride=1] [pad=0|same] [dilation=1] [groups=1] "
            "[bias=on] [init=pytorch] [frozen=off|weight|on]",
    .bytes = sizeof(struct layer_conv_state),
    .inputs = 1,
    .keeps = LAYER_KEEPS_INPUTS,
    .folds = true,
    .setup = conv_setup,
    .init = conv_init,
    .forward = conv_layer_forward,
    .backward = conv_layer_backward,
    .splits = conv_layer_splits,
    .to_file = conv_to_file,
    .from_file = conv_from_file,
};

const struct layer_ops layer_depthwise = {
    .kind = "depthwise",
    .help = "depthwise kernel=K [stride=1] [pad=0|same] [dilation=1] [bias=on] "
            "[init=pytorch] [frozen=off|weight|on]",
    .bytes = sizeof(struct layer_conv_state),
    .inputs = 1,
    .keeps = LAYER_KEEPS_INPUTS,
    .folds = true,
    .setup = depthwise_setup,
    .init = conv_init,
    .forward = conv_layer_forward,
    .backward = conv_layer_backward,
    .splits = conv_layer_splits,
    .to_file = conv_to_file,
    .from_file = conv_from_file,
};
