#include <stddef.h>

#include "layer_spec.h"

static const char *const flatten_options[] = {NULL};

static enum status flatten_setup(struct layer *layer, const struct layer_spec *spec)
{
    layer->out = (struct shape){1, 1, shape_size(layer->in)};
    return layer_spec_only(spec, false, flatten_options);
}

/* From (H, W, C) to PyTorch's (C, H, W), so that the weights of the next linear layer
   have PyTorch's order. */
static void flatten_forward(const struct layer *layer, const struct pass *pass)
{
    int pixels = layer->in.h * layer->in.w, channels = layer->in.c, begin, end;
    size_t size = (size_t)shape_size(layer->in);
    team_split(&pass->team, pass->n, &begin, &end);
    for (int i = begin; i < end; i++) {
        const float *x = pass->x + (size_t)i * size;
        float *y = pass->y + (size_t)i * size;
        for (int c = 0; c < channels; c++)
            for (int j = 0; j < pixels; j++)
                y[c * pixels + j] = x[j * channels + c];
    }
    team_barrier(&pass->team);
}

static void flatten_backward(const struct layer *layer, const struct pass *pass)
{
    if (!pass->dx)
        return;
    int pixels = layer->in.h * layer->in.w, channels = layer->in.c, begin, end;
    size_t size = (size_t)shape_size(layer->in);
    team_split(&pass->team, pass->n, &begin, &end);
    for (int i = begin; i < end; i++) {
        const float *dy = pass->dy + (size_t)i * size;
        float *dx = pass->dx + (size_t)i * size;
        for (int c = 0; c < channels; c++)
            for (int j = 0; j < pixels; j++)
                dx[j * channels + c] = dy[c * pixels + j];
    }
    team_barrier(&pass->team);
}

const struct layer_ops layer_flatten = {
    .kind = "flatten",
    .help = "flatten",
    .bytes = sizeof(struct layer),
    .inputs = 1,
    .setup = flatten_setup,
    .forward = flatten_forward,
    .backward = flatten_backward,
};
