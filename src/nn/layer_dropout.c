#include <stddef.h>
#include <string.h>

#include "base/limits.h"
#include "kernels/activation.h"
#include "layer_spec.h"

struct layer_dropout_state {
    struct layer layer;
    double p; /* probability of being dropped */
};

static const char *const dropout_options[] = {"p", NULL};

static enum status dropout_read(struct layer *layer, const struct layer_spec *spec,
                                double p)
{
    struct layer_dropout_state *dropout = (struct layer_dropout_state *)layer;
    dropout->p = p;
    TRY(layer_spec_only(spec, false, dropout_options));
    TRY(layer_spec_real(spec, "p", 0.0, 0.99, &dropout->p));
    layer->out = layer->in;
    return ST_OK;
}

static enum status dropout_setup(struct layer *layer, const struct layer_spec *spec)
{
    TRY(dropout_read(layer, spec, 0.5));
    layer->save = (size_t)shape_size(layer->out); /* kept or not, a byte each */
    return ST_OK;
}

/*
 * The name of a mask's random stream: (seed, step, layer, sample) packed into Philox's
 * two words a (32 bits) and b (56 bits).
 *
 *   a  step * 64 + layer % 64, modulo 2^32
 *
 *   b  sample in bits 0-47, layer / 64 in bits 48-55
 */
#define DROPOUT_LAYERS      64 /* in a; the draws of existing networks depend on it */
#define DROPOUT_SAMPLE_BITS 48
_Static_assert(MODEL_LAYERS <= DROPOUT_LAYERS << (56 - DROPOUT_SAMPLE_BITS),
               "a layer's index does not fit into the name of its random stream");

static void dropout_rng(const struct layer *layer, const struct pass *pass, int i,
                        struct rng *rng)
{
    uint32_t index = (uint32_t)layer->index;
    uint32_t a = (uint32_t)pass->step * DROPOUT_LAYERS + index % DROPOUT_LAYERS;
    uint64_t b =
        pass->sample[i] + ((uint64_t)(index / DROPOUT_LAYERS) << DROPOUT_SAMPLE_BITS);
    rng_init(rng, pass->seed, RNG_DROPOUT, a, b);
}

/* The first `count` draws of one sample. */
static void dropout_draw(const struct layer *layer, const struct pass *pass, int i,
                         uint8_t *keep, int count)
{
    double p = ((const struct layer_dropout_state *)layer)->p;
    uint32_t drop_below = (uint32_t)(p * 4294967296.0);
    struct rng rng;
    dropout_rng(layer, pass, i, &rng);
    for (int j = 0; j < count; j++)
        keep[j] = rng_u32(&rng) >= drop_below;
}

static float dropout_scale(const struct layer *layer)
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
        dropout_draw(layer, pass, i, keep + (size_t)i * size, (int)size);
    team_barrier(&pass->team);
    dropout_apply(&pass->team, pass->y, pass->x, keep, dropout_scale(layer),
                  (size_t)pass->n * size);
}

static void dropout_backward(const struct layer *layer, const struct pass *pass)
{
    if (pass->dx)
        dropout_apply(&pass->team, pass->dx, pass->dy, pass->save, dropout_scale(layer),
                      (size_t)pass->n * (size_t)shape_size(layer->out));
}

const struct layer_ops layer_dropout = {
    .kind = "dropout",
    .help = "dropout [p=0.5]",
    .bytes = sizeof(struct layer_dropout_state),
    .inputs = 1,
    .blocks = true,
    .overwrites = true,
    .same_in_use = true,
    .setup = dropout_setup,
    .forward = dropout_forward,
    .backward = dropout_backward,
};

/* --- droppath: all or nothing of a sample --- */

static enum status droppath_setup(struct layer *layer, const struct layer_spec *spec)
{
    TRY(dropout_read(layer, spec, 0.2));
    layer->save = 1;
    return ST_OK;
}

/* to = from * scale for samples that are kept, else 0; all are kept if keep is NULL. */
static void droppath_apply(const struct layer *layer, const struct pass *pass, float *to,
                           const float *from, const uint8_t *keep)
{
    size_t size = (size_t)shape_size(layer->out);
    float scale = keep ? dropout_scale(layer) : 1.0f;
    int begin, end;
    team_split(&pass->team, pass->n, &begin, &end);
    for (int i = begin; i < end; i++) {
        float *y = to + (size_t)i * size;
        const float *x = from + (size_t)i * size;
        if (keep && !keep[i])
            memset(y, 0, size * sizeof *y);
        for (size_t j = 0; j < size && (!keep || keep[i]); j++)
            y[j] = x[j] * scale;
    }
    team_barrier(&pass->team);
}

static void droppath_forward(const struct layer *layer, const struct pass *pass)
{
    uint8_t *keep = pass->save;
    int begin, end;
    team_split(&pass->team, pass->n, &begin, &end);
    for (int i = begin; pass->train && i < end; i++)
        dropout_draw(layer, pass, i, keep + i, 1);
    droppath_apply(layer, pass, pass->y, pass->x, pass->train ? keep : NULL);
}

static void droppath_backward(const struct layer *layer, const struct pass *pass)
{
    if (pass->dx)
        droppath_apply(layer, pass, pass->dx, pass->dy, pass->save);
}

const struct layer_ops layer_droppath = {
    .kind = "droppath",
    .help = "droppath [p=0.2]",
    .bytes = sizeof(struct layer_dropout_state),
    .inputs = 1,
    .blocks = true,
    .overwrites = true,
    .same_in_use = true,
    .setup = droppath_setup,
    .forward = droppath_forward,
    .backward = droppath_backward,
};
