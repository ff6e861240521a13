/* conv and depthwise. */
#include <stddef.h>
#include <string.h>

#include "base/mem.h"
#include "kernels/conv_algorithm.h"
#include "layer_conv.h"
#include "layer_impl.h"
#include "layer_spec.h"
#include "nn/layer_shape.h"
#include "nn/whiten.h"

#define CONV_PATCH_MOST \
    (1 << 26) /* values; keeps the products of sizes far from overflow */

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

static size_t conv_packed(const struct conv_algorithm *algorithm,
                          const struct conv_shape *shape)
{
    return algorithm->packed ? algorithm->packed(shape) : 0;
}

static void conv_choose_algorithms(struct layer *layer, struct layer_conv_state *conv)
{
    const struct conv_shape *shape = &conv->shape;
    for (int pass = 0; pass < CONV_PASSES; pass++) {
        const struct conv_algorithm *algorithm =
            conv_algorithm_chosen((enum conv_pass)pass, shape, &layer->policy);
        size_t scratch = algorithm->scratch(shape, 1);
        conv->algorithm[pass] = algorithm;
        if (scratch > layer->scratch_member)
            layer->scratch_member = scratch;
    }
    layer->packed.floats = conv_packed(conv->algorithm[CONV_FORWARD], shape);
    layer->packed_back.floats = conv_packed(conv->algorithm[CONV_DATA], shape);
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
    conv_choose_algorithms(layer, conv);
    layer->flops = conv_flops(shape);
    layer->work_forward = conv_algorithm_work(conv->algorithm[CONV_FORWARD], shape);
    layer->work_backward = conv_algorithm_work(conv->algorithm[CONV_WEIGHT], shape);
    layer->work_data = conv_algorithm_work(conv->algorithm[CONV_DATA], shape);
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

static void conv_layer_pack(const struct layer *layer, const struct team *team,
                            float *packed, float *packed_back, const float *params)
{
    const struct layer_conv_state *conv = conv_state(layer);
    const struct conv_algorithm *forward = conv->algorithm[CONV_FORWARD];
    const struct conv_algorithm *data = conv->algorithm[CONV_DATA];
    const float *weight = params + layer->tensor[0].offset;
    if (forward->packed)
        forward->pack(team, &conv->shape, packed, weight);
    if (packed_back && data->packed)
        data->pack(team, &conv->shape, packed_back, weight);
}

static void conv_layer_run(const struct layer *layer, const struct pass *pass,
                           enum conv_pass which, struct conv_operands *operands)
{
    struct conv_shape shape = conv_grain_shape(layer, pass);
    const struct conv_algorithm *algorithm = conv_state(layer)->algorithm[which];
    if (!algorithm->packed)
        operands->packed = pass->params + layer->tensor[0].offset;
    operands->scratch = pass->scratch;
    algorithm->run(&pass->team, &shape, operands);
}

static void conv_layer_forward(const struct layer *layer, const struct pass *pass)
{
    struct conv_operands operands = {.out = pass->y,
                                     .in = pass->x,
                                     .packed = pass->packed,
                                     .bias = layer_bias(layer, pass->params),
                                     .activation = conv_state(layer)->activation};
    conv_layer_run(layer, pass, CONV_FORWARD, &operands);
}

static void conv_layer_backward(const struct layer *layer, const struct pass *pass)
{
    struct conv_operands data = {
        .out = pass->dx, .in = pass->dy, .packed = pass->packed_back};
    if (pass->dx)
        conv_layer_run(layer, pass, CONV_DATA, &data);
}

static void conv_layer_gradients(const struct layer *layer, const struct pass *pass)
{
    struct conv_shape shape = conv_grain_shape(layer, pass);
    float *dbias = layer_dbias(layer, pass->grads);
    struct conv_operands weight = {.out = pass->grads + layer->tensor[0].offset,
                                   .in = pass->x,
                                   .dy = pass->dy,
                                   .goes_on = pass->first > 0};
    if (dbias)
        conv_backward_bias(&pass->team, &shape, dbias, pass->dy);
    conv_layer_run(layer, pass, CONV_WEIGHT, &weight);
}

bool conv_weight_goes_on(const struct layer_conv_state *conv)
{
    const struct conv_algorithm *algorithm = conv->algorithm[CONV_WEIGHT];
    return algorithm->goes_on && algorithm->goes_on(&conv->shape);
}

/* The sum for a bias does not. */
static bool conv_layer_gradients_go_on(const struct layer *layer)
{
    return layer->tensors == 1 && conv_weight_goes_on(conv_state(layer));
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
    .blocks = true,
    .folds = true,
    .setup = conv_setup,
    .init = conv_init,
    .pack = conv_layer_pack,
    .forward = conv_layer_forward,
    .backward = conv_layer_backward,
    .gradients = conv_layer_gradients,
    .gradients_go_on = conv_layer_gradients_go_on,
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
    .blocks = true,
    .folds = true,
    .setup = depthwise_setup,
    .init = conv_init,
    .pack = conv_layer_pack,
    .forward = conv_layer_forward,
    .backward = conv_layer_backward,
    .gradients = conv_layer_gradients,
    .gradients_go_on = conv_layer_gradients_go_on,
    .splits = conv_layer_splits,
    .to_file = conv_to_file,
    .from_file = conv_from_file,
};

/* --- with the activation behind it --- */

static const struct layer_ops layer_conv_activated = {
    .kind = "conv block",
    .bytes = sizeof(struct layer_conv_state),
    .inputs = 1,
    .blocks = true,
    .pack = conv_layer_pack,
    .forward = conv_layer_forward,
    .splits = conv_layer_splits,
};

bool layer_convolves(const struct layer *layer)
{
    return layer->ops == &layer_conv || layer->ops == &layer_depthwise;
}

enum activation layer_rectified(struct layer *const *layers, int i, int count)
{
    const struct layer *next = i + 1 < count ? layers[i + 1] : NULL;
    if (!next || layers[i]->readers != 1 || next->inputs != 1 || next->input[0] != i + 1)
        return ACTIVATION_NONE;
    enum activation kind = layer_activation(next);
    return kind == ACTIVATION_RELU || kind == ACTIVATION_RELU6 ? kind : ACTIVATION_NONE;
}

struct layer *layer_conv_activated_create(struct layer *const *layers, int first,
                                          int count, int *taken)
{
    enum activation kind = layer_rectified(layers, first, count);
    if (kind == ACTIVATION_NONE || !layer_convolves(layers[first]) ||
        !conv_state(layers[first])->algorithm[CONV_FORWARD]->activates)
        return NULL;
    struct layer_conv_state *state = mem_zeroed(1, sizeof *state);
    memcpy(state, layers[first], sizeof *state);
    state->layer.ops = &layer_conv_activated;
    state->activation = kind;
    *taken = 2;
    return &state->layer;
}
