#include <stddef.h>

#include "kernels/linear.h"
#include "layer_spec.h"

struct layer_linear_state {
    struct layer layer;
    struct layer_init init;
    const struct linear_passes *passes;
    int bias; /* off or on */
};

static const char *const linear_options[] = {"bias", "init", NULL};

static enum status linear_setup(struct layer *layer, const struct layer_spec *spec)
{
    struct layer_linear_state *linear = (struct layer_linear_state *)layer;
    const struct shape *in = &layer->in;
    int features = 0;
    linear->bias = 1;
    TRY(layer_spec_only(spec, true, linear_options));
    TRY(layer_spec_value(spec, true, 1, 1 << 20, &features));
    TRY(layer_spec_word(spec, "bias", layer_off_on, &linear->bias));
    TRY(layer_spec_init(spec, false, &linear->init));
    if (in->h * in->w != 1)
        FAIL(ST_USAGE,
             "%s: %s: its input %dx%dx%d is an image, put a layer 'flatten' before it",
             spec->where, spec->name, in->h, in->w, in->c);
    size_t out = (size_t)features, inputs = (size_t)in->c;
    layer->out = (struct shape){1, 1, features};
    layer->tensors = linear->bias ? 2 : 1;
    layer->tensor[0] = (struct layer_tensor){.name = "weight",
                                             .dims = 2,
                                             .dim = {features, in->c},
                                             .count = out * inputs,
                                             .rule = RANGE_TRAIN_DECAY};
    layer->tensor[1] = (struct layer_tensor){
        .name = "bias", .dims = 1, .dim = {features}, .count = out, .rule = RANGE_TRAIN};
    linear->passes = layer->policy.bits == POLICY_BLAS ? &linear_blas : &linear_portable;
    layer->flops = 2.0 * (double)(out * inputs);
    return ST_OK;
}

static void linear_init(const struct layer *layer, int t, struct rng *rng, float *values)
{
    const struct layer_linear_state *linear = (const struct layer_linear_state *)layer;
    layer_init_values(layer, t, &linear->init, rng, values);
}

static struct linear_shape linear_grain_shape(const struct layer *layer,
                                              const struct pass *pass)
{
    return (struct linear_shape){.n = pass->n, .in = layer->in.c, .out = layer->out.c};
}

static const struct linear_passes *linear_passes(const struct layer *layer)
{
    return ((const struct layer_linear_state *)layer)->passes;
}

static void linear_layer_forward(const struct layer *layer, const struct pass *pass)
{
    struct linear_shape shape = linear_grain_shape(layer, pass);
    linear_passes(layer)->forward(&pass->team, &shape, pass->y, pass->x,
                                  pass->params + layer->tensor[0].offset,
                                  layer_bias(layer, pass->params));
}

static void linear_layer_backward(const struct layer *layer, const struct pass *pass)
{
    struct linear_shape shape = linear_grain_shape(layer, pass);
    const struct linear_passes *passes = linear_passes(layer);
    passes->backward_weight(&pass->team, &shape, pass->grads + layer->tensor[0].offset,
                            layer_dbias(layer, pass->grads), pass->x, pass->dy);
    if (pass->dx)
        passes->backward_data(&pass->team, &shape, pass->dx, pass->dy,
                              pass->params + layer->tensor[0].offset);
}

static struct split_sets linear_splits(const struct layer *layer)
{
    (void)layer;
    return (struct split_sets){SPLIT_BIT(SPLIT_FEATURE), SPLIT_BIT(SPLIT_FEATURE)};
}

const struct layer_ops layer_linear = {
    .kind = "linear",
    .help = "linear FEATURES|classes [bias=on] [init=pytorch]",
    .bytes = sizeof(struct layer_linear_state),
    .inputs = 1,
    .keeps = LAYER_KEEPS_INPUTS,
    .folds = true,
    .setup = linear_setup,
    .init = linear_init,
    .forward = linear_layer_forward,
    .backward = linear_layer_backward,
    .splits = linear_splits,
};
