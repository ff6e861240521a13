#include <stddef.h>
#include <string.h>

#include "kernels/activation.h"
#include "nn/layer.h"

struct layer_dropout_state {
    struct layer layer;
    double p; /* probability of being dropped */
};

static const char *const option_keys[] = {"p", NULL};

static enum status dropout_setup(struct layer *layer, const struct layer_spec *spec)
{
    struct layer_dropout_state *dropout = (struct layer_dropout_state *)layer;
    dropout->p = 0.5;
    TRY(layer_spec_only(spec, false, option_keys));
    TRY(layer_spec_real(spec, "p", 0.0, 0.99, &dropout->p));
    layer->out = layer->in;
    layer->save = (size_t)shape_size(layer->out); /* kept or not, a byte each */
    return ST_OK;
}

/* Of one sample; depends on (seed, step, layer, sample) alone. */
static void draw_mask(const struct layer *layer, const struct pass *pass, int i,
                      uint8_t *keep)
{
    double p = ((const struct layer_dropout_state *)layer)->p;
    uint32_t drop_below = (uint32_t)(p * 4294967296.0);
    uint32_t name = (uint32_t)pass->step * 64u + (uint32_t)layer->index;
    struct rng rng;
    rng_init(&rng, pass->seed, RNG_DROPOUT, name, pass->sample[i]);
    for (int j = 0; j < shape_size(layer->out); j++)
        keep[j] = rng_u32(&rng) >= drop_below;
}

static float scale_of(const struct layer *layer)
{
    return (float)(1.0 / (1.0 - ((const struct layer_dropout_state *)layer)->p));
}

static void dropout_forward(const struct layer *layer, const struct pass *pass)
{
    size_t size = (size_t)shape_size(layer->out);
    uint8_t *keep = pass->save;
    int begin, end;
    team_split(&pass->team, pass->n, &begin, &end);
    if (!pass->train) {
        memcpy(pass->y + (size_t)begin * size, pass->x + (size_t)begin * size,
               (size_t)(end - begin) * size * sizeof *pass->y);
        team_barrier(&pass->team);
        return;
    }
    for (int i = begin; i < end; i++)
        draw_mask(layer, pass, i, keep + (size_t)i * size);
    team_barrier(&pass->team);
    dropout_apply(&pass->team, pass->y, pass->x, keep, scale_of(layer),
                  (size_t)pass->n * size);
}

static void dropout_backward(const struct layer *layer, const struct pass *pass)
{
    if (pass->dx)
        dropout_apply(&pass->team, pass->dx, pass->dy, pass->save, scale_of(layer),
                      (size_t)pass->n * (size_t)shape_size(layer->out));
}

const struct layer_ops layer_dropout = {
    .kind = "dropout",
    .help = "dropout [p=0.5]",
    .bytes = sizeof(struct layer_dropout_state),
    .setup = dropout_setup,
    .forward = dropout_forward,
    .backward = dropout_backward,
};
