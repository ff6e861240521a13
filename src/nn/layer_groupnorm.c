#include "kernels/groupnorm.h"
#include "layer_spec.h"
#include "nn/layer_shape.h"

struct layer_groupnorm_state {
    struct layer layer;
    struct groupnorm_shape shape;
    int init; /* of the weight: enum layer_norm_init */
};

static const char *const groupnorm_options[] = {"eps", "init", NULL};

const struct groupnorm_shape *layer_groupnorm_shape(const struct layer *layer)
{
    bool norm = layer->ops == &layer_groupnorm;
    return norm ? &((const struct layer_groupnorm_state *)layer)->shape : NULL;
}

static enum status groupnorm_setup(struct layer *layer, const struct layer_spec *spec)
{
    struct layer_groupnorm_state *norm = (struct layer_groupnorm_state *)layer;
    struct groupnorm_shape *shape = &norm->shape;
    int groups = 0, channels = layer->in.c;
    double epsilon = 1e-5;
    TRY(layer_spec_only(spec, true, groupnorm_options));
    TRY(layer_spec_value(spec, true, 1, 65536, &groups));
    TRY(layer_spec_real(spec, "eps", 1e-12, 1, &epsilon));
    TRY(layer_spec_word(spec, "init", layer_norm_inits, &norm->init));
    if (channels % groups != 0)
        FAIL(ST_USAGE, "%s: %s: %d groups do not divide the %d channels of its input",
             spec->where, spec->name, groups, channels);
    *shape = (struct groupnorm_shape){.n = layer->grain,
                                      .pixels = layer->in.h * layer->in.w,
                                      .c = channels,
                                      .groups = groups,
                                      .epsilon = (float)epsilon};
    layer->out = layer->in;
    layer->tensors = 2;
    for (int t = 0; t < 2; t++)
        layer->tensor[t] = (struct layer_tensor){.name = t ? "bias" : "weight",
                                                 .dims = 1,
                                                 .dim = {channels},
                                                 .count = (size_t)channels,
                                                 .rule = RANGE_TRAIN};
    layer->save = 2 * (size_t)channels * sizeof(float); /* moments */
    layer->scratch = groupnorm_scratch(shape);
    layer->element_forward = 7.0 * shape_size(layer->out);
    layer->element_backward = 9.0 * shape_size(layer->out);
    return ST_OK;
}

static void groupnorm_init(const struct layer *layer, int t, struct rng *rng,
                           float *values)
{
    (void)rng;
    bool ones =
        t == 0 && ((const struct layer_groupnorm_state *)layer)->init == LAYER_NORM_ONE;
    for (size_t i = 0; i < layer->tensor[t].count; i++)
        values[i] = ones ? 1.0f : 0.0f;
}

static struct groupnorm_shape groupnorm_grain(const struct layer *layer,
                                              const struct pass *pass)
{
    struct groupnorm_shape shape = ((const struct layer_groupnorm_state *)layer)->shape;
    shape.n = pass->n;
    return shape;
}

static void groupnorm_layer_forward(const struct layer *layer, const struct pass *pass)
{
    struct groupnorm_shape shape = groupnorm_grain(layer, pass);
    const struct groupnorm_values values = {
        .y = pass->y,
        .moments = pass->save,
        .x = pass->x,
        .weight = pass->params + layer->tensor[0].offset,
        .bias = pass->params + layer->tensor[1].offset,
    };
    groupnorm_forward(&pass->team, &shape, &values, pass->scratch);
}

static void groupnorm_layer_backward(const struct layer *layer, const struct pass *pass)
{
    struct groupnorm_shape shape = groupnorm_grain(layer, pass);
    const struct groupnorm_gradient gradient = {
        .dx = pass->dx,
        .dweight = pass->grads + layer->tensor[0].offset,
        .dbias = pass->grads + layer->tensor[1].offset,
        .x = pass->x,
        .dy = pass->dy,
        .moments = pass->save,
        .weight = pass->params + layer->tensor[0].offset,
    };
    groupnorm_backward(&pass->team, &shape, &gradient, pass->scratch);
}

static struct split_sets groupnorm_splits(const struct layer *layer)
{
    (void)layer;
    return (struct split_sets){SPLIT_BIT(SPLIT_BATCH), SPLIT_BIT(SPLIT_BATCH)};
}

const struct layer_ops layer_groupnorm = {
    .kind = "groupnorm",
    .help = "groupnorm GROUPS [eps=1e-5] [init=one|zero]",
    .bytes = sizeof(struct layer_groupnorm_state),
    .inputs = 1,
    .keeps = LAYER_KEEPS_INPUTS,
    .follows = true,
    .setup = groupnorm_setup,
    .init = groupnorm_init,
    .forward = groupnorm_layer_forward,
    .backward = groupnorm_layer_backward,
    .splits = groupnorm_splits,
};
