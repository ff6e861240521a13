/* add and mul: the layers with two inputs. */
#include <stddef.h>
#include <stdlib.h>

#include "kernels/combine.h"
#include "layer_spec.h"
#include "nn/layer_shape.h"

static const char *const combine_options[] = {NULL};

static bool combine_same(struct shape a, struct shape b)
{
    return a.h == b.h && a.w == b.w && a.c == b.c;
}

/* One value a channel, to be multiplied with all pixels. */
static bool combine_scales(const struct layer *layer)
{
    return layer->in2.h * layer->in2.w == 1 && layer->in.h * layer->in.w > 1 &&
           layer->in2.c == layer->in.c;
}

/* rule: what the shapes must be. */
static enum status combine_shapes_differ(const struct layer *layer,
                                         const struct layer_spec *spec, const char *rule)
{
    char *first = layer_shape_text(layer->in), *second = layer_shape_text(layer->in2);
    enum status st =
        status_fail(ST_USAGE, "%s: %s: %s is %s, %s is %s: %s", spec->where, spec->name,
                    spec->input[0], first, spec->input[1], second, rule);
    free(first);
    free(second);
    return st;
}

static enum status add_setup(struct layer *layer, const struct layer_spec *spec)
{
    TRY(layer_spec_only(spec, false, combine_options));
    if (!combine_same(layer->in, layer->in2))
        return combine_shapes_differ(layer, spec, "they must have the same shape");
    layer->out = layer->in;
    return ST_OK;
}

static size_t combine_elements(const struct layer *layer, const struct pass *pass)
{
    return (size_t)pass->n * (size_t)shape_size(layer->out);
}

static void add_forward(const struct layer *layer, const struct pass *pass)
{
    combine_add(&pass->team, pass->y, pass->x, pass->x2, combine_elements(layer, pass));
}

static enum status mul_setup(struct layer *layer, const struct layer_spec *spec)
{
    TRY(layer_spec_only(spec, false, combine_options));
    if (!combine_same(layer->in, layer->in2) && !combine_scales(layer))
        return combine_shapes_differ(
            layer, spec,
            "they must have the same shape, or the second one value for each channel of "
            "the first");
    layer->out = layer->in;
    layer->element_backward = 2.0 * shape_size(layer->out);
    return ST_OK;
}

static struct scale_shape mul_scale_shape(const struct layer *layer,
                                          const struct pass *pass)
{
    return (struct scale_shape){pass->n, layer->in.h * layer->in.w, layer->in.c};
}

static void mul_forward(const struct layer *layer, const struct pass *pass)
{
    struct scale_shape shape = mul_scale_shape(layer, pass);
    if (combine_scales(layer))
        scale_forward(&pass->team, &shape, pass->y, pass->x, pass->x2);
    else
        combine_multiply(&pass->team, pass->y, pass->x, pass->x2,
                         combine_elements(layer, pass));
}

static void mul_backward(const struct layer *layer, const struct pass *pass)
{
    struct scale_shape shape = mul_scale_shape(layer, pass);
    size_t n = combine_elements(layer, pass);
    bool scales = combine_scales(layer);
    if (pass->dx && scales)
        scale_forward(&pass->team, &shape, pass->dx, pass->dy, pass->x2);
    else if (pass->dx)
        combine_multiply(&pass->team, pass->dx, pass->dy, pass->x2, n);
    if (pass->dx2 && scales)
        scale_backward(&pass->team, &shape, pass->dx2, pass->dy, pass->x);
    else if (pass->dx2)
        combine_multiply(&pass->team, pass->dx2, pass->dy, pass->x, n);
}

static struct split_sets add_splits(const struct layer *layer)
{
    (void)layer;
    return (struct split_sets){SPLIT_BIT(SPLIT_ELEMENT), 0};
}

static struct split_sets mul_splits(const struct layer *layer)
{
    unsigned set = combine_scales(layer)
                       ? SPLIT_BIT(SPLIT_BATCH) | SPLIT_BIT(SPLIT_CHANNEL)
                       : SPLIT_BIT(SPLIT_ELEMENT);
    return (struct split_sets){set, set};
}

const struct layer_ops layer_add = {
    .kind = "add",
    .help = "add from=NAME",
    .bytes = sizeof(struct layer),
    .inputs = 2,
    .passes_gradient = LAYER_PASSES_ALL,
    .blocks = true,
    .setup = add_setup,
    .forward = add_forward,
    .splits = add_splits,
};

const struct layer_ops layer_mul = {
    .kind = "mul",
    .help = "mul from=NAME",
    .bytes = sizeof(struct layer),
    .inputs = 2,
    .keeps = LAYER_KEEPS_INPUTS,
    .blocks = true,
    .setup = mul_setup,
    .forward = mul_forward,
    .backward = mul_backward,
    .splits = mul_splits,
};
