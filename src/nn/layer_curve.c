/* relu6, sigmoid, hardsigmoid, silu and hardswish. */
#include "kernels/activation.h"
#include "layer_impl.h"
#include "layer_spec.h"

static const char *const curve_options[] = {NULL};

enum activation layer_activation(const struct layer *layer)
{
    const struct layer_ops *const ops[ACTIVATIONS] = {
        [ACTIVATION_RELU] = &layer_relu,
        [ACTIVATION_GELU] = &layer_gelu,
        [ACTIVATION_RELU6] = &layer_relu6,
        [ACTIVATION_SIGMOID] = &layer_sigmoid,
        [ACTIVATION_HARDSIGMOID] = &layer_hardsigmoid,
        [ACTIVATION_SILU] = &layer_silu,
        [ACTIVATION_HARDSWISH] = &layer_hardswish,
    };
    for (int a = 0; a < ACTIVATIONS; a++)
        if (ops[a] == layer->ops)
            return (enum activation)a;
    return ACTIVATION_NONE;
}

static size_t curve_elements(const struct layer *layer, const struct pass *pass)
{
    return (size_t)pass->n * (size_t)shape_size(layer->out);
}

/* Backward follows from the output. */
static enum status curve_setup(struct layer *layer, const struct layer_spec *spec)
{
    layer->out = layer->in;
    layer->element_forward = 4.0 * shape_size(layer->out);
    layer->element_backward = 3.0 * shape_size(layer->out);
    return layer_spec_only(spec, false, curve_options);
}

static enum status curve_setup_slopes(struct layer *layer, const struct layer_spec *spec)
{
    layer->save = (size_t)shape_size(layer->in) * sizeof(float);
    return curve_setup(layer, spec);
}

static void curve_forward(const struct layer *layer, const struct pass *pass)
{
    float *slope = pass->train && layer->save > 0 ? pass->save : NULL;
    activation_forward(&pass->team, layer_activation(layer), pass->y, slope, pass->x,
                       curve_elements(layer, pass));
}

static void curve_backward(const struct layer *layer, const struct pass *pass)
{
    if (pass->dx)
        activation_backward(&pass->team, layer_activation(layer), pass->dx, pass->dy,
                            layer->save > 0 ? pass->save : pass->y,
                            curve_elements(layer, pass));
}

static struct split_sets curve_splits(const struct layer *layer)
{
    (void)layer;
    return (struct split_sets){SPLIT_BIT(SPLIT_ELEMENT), SPLIT_BIT(SPLIT_ELEMENT)};
}

const struct layer_ops layer_relu6 = {
    .kind = "relu6",
    .help = "relu6",
    .bytes = sizeof(struct layer),
    .inputs = 1,
    .keeps = LAYER_KEEPS_OUTPUT,
    .blocks = true,
    .overwrites = true,
    .in_place = true,
    .setup = curve_setup,
    .forward = curve_forward,
    .backward = curve_backward,
    .splits = curve_splits,
};

const struct layer_ops layer_sigmoid = {
    .kind = "sigmoid",
    .help = "sigmoid",
    .bytes = sizeof(struct layer),
    .inputs = 1,
    .keeps = LAYER_KEEPS_OUTPUT,
    .blocks = true,
    .setup = curve_setup,
    .forward = curve_forward,
    .backward = curve_backward,
    .splits = curve_splits,
};

const struct layer_ops layer_hardsigmoid = {
    .kind = "hardsigmoid",
    .help = "hardsigmoid",
    .bytes = sizeof(struct layer),
    .inputs = 1,
    .keeps = LAYER_KEEPS_OUTPUT,
    .blocks = true,
    .setup = curve_setup,
    .forward = curve_forward,
    .backward = curve_backward,
    .splits = curve_splits,
};

const struct layer_ops layer_silu = {
    .kind = "silu",
    .help = "silu",
    .bytes = sizeof(struct layer),
    .inputs = 1,
    .blocks = true,
    .setup = curve_setup_slopes,
    .forward = curve_forward,
    .backward = curve_backward,
    .splits = curve_splits,
};

const struct layer_ops layer_hardswish = {
    .kind = "hardswish",
    .help = "hardswish",
    .bytes = sizeof(struct layer),
    .inputs = 1,
    .blocks = true,
    .setup = curve_setup_slopes,
    .forward = curve_forward,
    .backward = curve_backward,
    .splits = curve_splits,
};
