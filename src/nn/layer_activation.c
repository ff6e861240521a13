/* relu, gelu, logsoftmax and logsigmoid. */
#include <stddef.h>

#include "kernels/activation.h"
#include "layer_spec.h"

/* FLOPs per element, counted in kernels/simd/activation.c. */
#define GELU_FORWARD        42
#define LOGSIGMOID_FORWARD  36
#define LOGSOFTMAX_FORWARD  20
#define LOGSOFTMAX_BACKWARD 19

static const char *const activation_options[] = {NULL};

static size_t activation_elements(const struct layer *layer, const struct pass *pass)
{
    return (size_t)pass->n * (size_t)shape_size(layer->out);
}

static enum status relu_setup(struct layer *layer, const struct layer_spec *spec)
{
    layer->out = layer->in;
    return layer_spec_only(spec, false, activation_options);
}

static void relu_layer_forward(const struct layer *layer, const struct pass *pass)
{
    relu_forward(&pass->team, pass->y, pass->x, activation_elements(layer, pass));
}

static void relu_layer_backward(const struct layer *layer, const struct pass *pass)
{
    if (pass->dx)
        relu_backward(&pass->team, pass->dx, pass->dy, pass->y,
                      activation_elements(layer, pass));
}

static enum status gelu_setup(struct layer *layer, const struct layer_spec *spec)
{
    layer->out = layer->in;
    layer->save = (size_t)shape_size(layer->out) * sizeof(float); /* slopes */
    layer->element_forward = GELU_FORWARD * (double)shape_size(layer->out);
    return layer_spec_only(spec, false, activation_options);
}

static void gelu_layer_forward(const struct layer *layer, const struct pass *pass)
{
    gelu_forward(&pass->team, pass->y, pass->train ? pass->save : NULL, pass->x,
                 activation_elements(layer, pass));
}

static void gelu_layer_backward(const struct layer *layer, const struct pass *pass)
{
    if (pass->dx)
        gelu_backward(&pass->team, pass->dx, pass->dy, pass->save,
                      activation_elements(layer, pass));
}

/* The last layer. */
static enum status activation_end_setup(struct layer *layer,
                                        const struct layer_spec *spec)
{
    const struct shape *in = &layer->in;
    if (in->h * in->w != 1)
        FAIL(ST_USAGE, "%s: %s: its input %dx%dx%d is an image, not one value a class",
             spec->where, spec->name, in->h, in->w, in->c);
    layer->out = layer->in;
    return layer_spec_only(spec, false, activation_options);
}

static enum status logsoftmax_setup(struct layer *layer, const struct layer_spec *spec)
{
    TRY(activation_end_setup(layer, spec));
    layer->element_forward = LOGSOFTMAX_FORWARD * (double)shape_size(layer->out);
    layer->element_backward = LOGSOFTMAX_BACKWARD * (double)shape_size(layer->out);
    return ST_OK;
}

static void logsoftmax_layer_forward(const struct layer *layer, const struct pass *pass)
{
    logsoftmax_forward(&pass->team, pass->y, pass->x, pass->n, layer->in.c);
}

static void logsoftmax_layer_backward(const struct layer *layer, const struct pass *pass)
{
    if (pass->dx)
        logsoftmax_backward(&pass->team, pass->dx, pass->dy, pass->y, pass->n,
                            layer->in.c);
}

static enum status logsigmoid_setup(struct layer *layer, const struct layer_spec *spec)
{
    TRY(activation_end_setup(layer, spec));
    layer->element_forward = LOGSIGMOID_FORWARD * (double)shape_size(layer->out);
    return ST_OK;
}

static void logsigmoid_layer_forward(const struct layer *layer, const struct pass *pass)
{
    logsigmoid_forward(&pass->team, pass->y, pass->x, activation_elements(layer, pass));
}

static struct split_sets logsigmoid_splits(const struct layer *layer)
{
    (void)layer;
    return (struct split_sets){SPLIT_BIT(SPLIT_ELEMENT), 0};
}

static struct split_sets activation_splits(const struct layer *layer)
{
    (void)layer;
    return (struct split_sets){SPLIT_BIT(SPLIT_ELEMENT), SPLIT_BIT(SPLIT_ELEMENT)};
}

const struct layer_ops layer_relu = {
    .kind = "relu",
    .help = "relu",
    .bytes = sizeof(struct layer),
    .inputs = 1,
    .keeps = LAYER_KEEPS_OUTPUT,
    .blocks = true,
    .overwrites = true,
    .in_place = true,
    .setup = relu_setup,
    .forward = relu_layer_forward,
    .backward = relu_layer_backward,
    .splits = activation_splits,
};

const struct layer_ops layer_gelu = {
    .kind = "gelu",
    .help = "gelu",
    .bytes = sizeof(struct layer),
    .inputs = 1,
    .blocks = true,
    .setup = gelu_setup,
    .forward = gelu_layer_forward,
    .backward = gelu_layer_backward,
    .splits = activation_splits,
};

const struct layer_ops layer_logsoftmax = {
    .kind = "logsoftmax",
    .help = "logsoftmax",
    .bytes = sizeof(struct layer),
    .inputs = 1,
    .keeps = LAYER_KEEPS_OUTPUT,
    .setup = logsoftmax_setup,
    .forward = logsoftmax_layer_forward,
    .backward = logsoftmax_layer_backward,
    .splits = activation_splits,
};

/* The loss gives the gradient with respect to x (nn/loss_set.h), which is passed on. */
const struct layer_ops layer_logsigmoid = {
    .kind = "logsigmoid",
    .help = "logsigmoid",
    .bytes = sizeof(struct layer),
    .inputs = 1,
    .passes_gradient = LAYER_PASSES_ALL,
    .setup = logsigmoid_setup,
    .forward = logsigmoid_layer_forward,
    .splits = logsigmoid_splits,
};
