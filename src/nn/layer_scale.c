/* scale: y = by x, by a number of the config. */
#include "layer_spec.h"
#include "nn/layer_shape.h"

struct layer_scale_state {
    struct layer layer;
    double by;
};

static const char *const scale_options[] = {"by", NULL};

float layer_scale_factor(const struct layer *layer)
{
    bool scales = layer->ops == &layer_scale;
    return scales ? (float)((const struct layer_scale_state *)layer)->by : 1;
}

static enum status scale_setup(struct layer *layer, const struct layer_spec *spec)
{
    struct layer_scale_state *scale = (struct layer_scale_state *)layer;
    layer->out = layer->in;
    TRY(layer_spec_only(spec, false, scale_options));
    TRY(layer_spec_real(spec, "by", -1e6, 1e6, &scale->by));
    if (scale->by == 0)
        FAIL(ST_USAGE, "%s: %s: by=NUMBER is missing, and may not be 0", spec->where,
             spec->name);
    return ST_OK;
}

/* This member's samples of both passes, which are one. */
static void scale_apply(const struct layer *layer, const struct pass *pass, float *to,
                        const float *from)
{
    float by = layer_scale_factor(layer);
    size_t size = (size_t)shape_size(layer->out);
    int begin, end;
    team_split(&pass->team, pass->n, &begin, &end);
    for (size_t i = (size_t)begin * size; i < (size_t)end * size; i++)
        to[i] = by * from[i];
    team_barrier(&pass->team);
}

static void scale_layer_forward(const struct layer *layer, const struct pass *pass)
{
    scale_apply(layer, pass, pass->y, pass->x);
}

static void scale_layer_backward(const struct layer *layer, const struct pass *pass)
{
    if (pass->dx)
        scale_apply(layer, pass, pass->dx, pass->dy);
}

const struct layer_ops layer_scale = {
    .kind = "scale",
    .help = "scale by=NUMBER",
    .bytes = sizeof(struct layer_scale_state),
    .inputs = 1,
    .setup = scale_setup,
    .forward = scale_layer_forward,
    .backward = scale_layer_backward,
};
