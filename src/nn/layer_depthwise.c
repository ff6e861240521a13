#include "kernels/depthwise.h"
#include "layer_spec.h"

struct layer_depthwise_state {
    struct layer layer;
    struct depthwise_shape shape;
    struct layer_init init;
    int bias; /* off or on */
};

static const char *const depthwise_options[] = {"kernel", "stride", "pad", "dilation",
                                                "bias",   "init",   NULL};

static const struct layer_depthwise_state *depthwise_state(const struct layer *layer)
{
    return (const struct layer_depthwise_state *)layer;
}

static enum status depthwise_read_spec(struct layer_depthwise_state *state,
                                       const struct layer_spec *spec)
{
    const struct shape *in = &state->layer.in;
    static const struct layer_window_kind kind = {
        .noun = "kernel", .key = "kernel", .most = 64};
    TRY(layer_spec_only(spec, false, depthwise_options));
    TRY(layer_spec_word(spec, "bias", layer_off_on, &state->bias));
    TRY(layer_spec_init(spec, true, &state->init));
    if (layer_init_whitens(&state->init))
        FAIL(ST_USAGE, "%s: %s: init 'whiten' is for 'conv'", spec->where, spec->name);
    TRY(layer_spec_windows(&state->layer, spec, &kind));
    state->shape = (struct depthwise_shape){.n = state->layer.grain,
                                            .h = in->h,
                                            .w = in->w,
                                            .c = in->c,
                                            .r = state->layer.rows,
                                            .s = state->layer.columns};
    depthwise_shape_complete(&state->shape);
    return ST_OK;
}

static enum status depthwise_setup(struct layer *layer, const struct layer_spec *spec)
{
    struct layer_depthwise_state *state = (struct layer_depthwise_state *)layer;
    state->bias = 1;
    TRY(depthwise_read_spec(state, spec));
    const struct depthwise_shape *s = &state->shape;
    size_t taps = (size_t)s->r.size * (size_t)s->s.size;
    layer->out = (struct shape){s->p, s->q, s->c};
    layer->tensors = state->bias ? 2 : 1;
    layer->tensor[0] = (struct layer_tensor){.name = "weight",
                                             .dims = 4,
                                             .dim = {s->c, 1, s->r.size, s->s.size},
                                             .count = (size_t)s->c * taps,
                                             .rule = RANGE_TRAIN_DECAY};
    layer->tensor[1] = (struct layer_tensor){.name = "bias",
                                             .dims = 1,
                                             .dim = {s->c},
                                             .count = (size_t)s->c,
                                             .rule = RANGE_TRAIN};
    layer->flops = 2.0 * (double)taps * shape_size(layer->out);
    return ST_OK;
}

static void depthwise_init(const struct layer *layer, int t, struct rng *rng,
                           float *values)
{
    layer_init_values(layer, t, &depthwise_state(layer)->init, rng, values);
}

static struct depthwise_shape depthwise_grain(const struct layer *layer,
                                              const struct pass *pass)
{
    struct depthwise_shape shape = depthwise_state(layer)->shape;
    shape.n = pass->n;
    return shape;
}

static void depthwise_layer_forward(const struct layer *layer, const struct pass *pass)
{
    struct depthwise_shape shape = depthwise_grain(layer, pass);
    depthwise_forward(&pass->team, &shape, pass->y, pass->x,
                      pass->params + layer->tensor[0].offset,
                      layer_bias(layer, pass->params));
}

static void depthwise_layer_backward(const struct layer *layer, const struct pass *pass)
{
    struct depthwise_shape shape = depthwise_grain(layer, pass);
    depthwise_backward_weight(&pass->team, &shape, pass->grads + layer->tensor[0].offset,
                              layer_dbias(layer, pass->grads), pass->x, pass->dy);
    if (pass->dx)
        depthwise_backward_data(&pass->team, &shape, pass->dx, pass->dy,
                                pass->params + layer->tensor[0].offset);
}

static struct split_sets depthwise_layer_splits(const struct layer *layer)
{
    return depthwise_splits(&depthwise_state(layer)->shape);
}

/* In memory (R, S, C), in files (C, 1, R, S). */
static size_t depthwise_memory_index(const struct layer *layer, int t, size_t file)
{
    const struct depthwise_shape *s = &depthwise_state(layer)->shape;
    size_t taps = (size_t)s->r.size * (size_t)s->s.size;
    return t == 0 ? file % taps * (size_t)s->c + file / taps : file;
}

static void depthwise_to_file(const struct layer *layer, int t, const float *memory,
                              float *file)
{
    for (size_t i = 0; i < layer->tensor[t].count; i++)
        file[i] = memory[depthwise_memory_index(layer, t, i)];
}

static void depthwise_from_file(const struct layer *layer, int t, const float *file,
                                float *memory)
{
    for (size_t i = 0; i < layer->tensor[t].count; i++)
        memory[depthwise_memory_index(layer, t, i)] = file[i];
}

const struct layer_ops layer_depthwise = {
    .kind = "depthwise",
    .help = "depthwise kernel=K [stride=1] [pad=0|same] [dilation=1] "
            "[bias=on] [init=pytorch]",
    .bytes = sizeof(struct layer_depthwise_state),
    .inputs = 1,
    .keeps = LAYER_KEEPS_INPUTS,
    .folds = true,
    .setup = depthwise_setup,
    .init = depthwise_init,
    .forward = depthwise_layer_forward,
    .backward = depthwise_layer_backward,
    .splits = depthwise_layer_splits,
    .to_file = depthwise_to_file,
    .from_file = depthwise_from_file,
};
