/* globalavgpool and padchannels. */
#include <string.h>

#include "kernels/pool.h"
#include "layer_spec.h"

static const char *const channels_options[] = {NULL};

static enum status globalavgpool_setup(struct layer *layer, const struct layer_spec *spec)
{
    layer->out = (struct shape){1, 1, layer->in.c};
    layer->element_forward = shape_size(layer->in);
    layer->element_backward = shape_size(layer->in);
    return layer_spec_only(spec, false, channels_options);
}

static struct globalavgpool_shape globalavgpool_grain(const struct layer *layer,
                                                      const struct pass *pass)
{
    return (struct globalavgpool_shape){pass->n, layer->in.h * layer->in.w, layer->in.c};
}

static void globalavgpool_layer_forward(const struct layer *layer,
                                        const struct pass *pass)
{
    struct globalavgpool_shape shape = globalavgpool_grain(layer, pass);
    globalavgpool_forward(&pass->team, &shape, pass->y, pass->x);
}

static void globalavgpool_layer_backward(const struct layer *layer,
                                         const struct pass *pass)
{
    struct globalavgpool_shape shape = globalavgpool_grain(layer, pass);
    if (pass->dx)
        globalavgpool_backward(&pass->team, &shape, pass->dx, pass->dy);
}

static struct split_sets globalavgpool_splits(const struct layer *layer)
{
    unsigned any = SPLIT_BIT(SPLIT_BATCH) | SPLIT_BIT(SPLIT_HYBRID) |
                   (layer->in.c > 16 ? SPLIT_BIT(SPLIT_CHANNEL) : 0);
    return (struct split_sets){any, any};
}

/* --- padchannels --- */

static enum status padchannels_setup(struct layer *layer, const struct layer_spec *spec)
{
    int channels = 0;
    TRY(layer_spec_only(spec, true, channels_options));
    TRY(layer_spec_value(spec, true, 1, 65536, &channels));
    if (channels < layer->in.c)
        FAIL(ST_USAGE, "%s: %s: its input %dx%dx%d has more than %d channels",
             spec->where, spec->name, layer->in.h, layer->in.w, layer->in.c, channels);
    layer->out = (struct shape){layer->in.h, layer->in.w, channels};
    return ST_OK;
}

/* This member's pixels of the grain, and the zeros before the channels. */
static int padchannels_share(const struct layer *layer, const struct pass *pass,
                             int *begin, int *end)
{
    team_split(&pass->team, pass->n * layer->in.h * layer->in.w, begin, end);
    return (layer->out.c - layer->in.c) / 2;
}

static void padchannels_forward(const struct layer *layer, const struct pass *pass)
{
    size_t in = (size_t)layer->in.c, out = (size_t)layer->out.c;
    int begin, end, before = padchannels_share(layer, pass, &begin, &end);
    memset(pass->y + (size_t)begin * out, 0, (size_t)(end - begin) * out * sizeof(float));
    for (int i = begin; i < end; i++)
        memcpy(pass->y + (size_t)i * out + before, pass->x + (size_t)i * in,
               in * sizeof(float));
    team_barrier(&pass->team);
}

static void padchannels_backward(const struct layer *layer, const struct pass *pass)
{
    size_t in = (size_t)layer->in.c, out = (size_t)layer->out.c;
    int begin, end, before = padchannels_share(layer, pass, &begin, &end);
    for (int i = begin; pass->dx && i < end; i++)
        memcpy(pass->dx + (size_t)i * in, pass->dy + (size_t)i * out + before,
               in * sizeof(float));
    team_barrier(&pass->team);
}

const struct layer_ops layer_globalavgpool = {
    .kind = "globalavgpool",
    .help = "globalavgpool",
    .bytes = sizeof(struct layer),
    .inputs = 1,
    .blocks = true,
    .setup = globalavgpool_setup,
    .forward = globalavgpool_layer_forward,
    .backward = globalavgpool_layer_backward,
    .splits = globalavgpool_splits,
};

const struct layer_ops layer_padchannels = {
    .kind = "padchannels",
    .help = "padchannels CHANNELS",
    .bytes = sizeof(struct layer),
    .inputs = 1,
    .blocks = true,
    .setup = padchannels_setup,
    .forward = padchannels_forward,
    .backward = padchannels_backward,
};
