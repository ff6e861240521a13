/* maxpool and avgpool. */
#include <stddef.h>

#include "kernels/pool.h"
#include "layer_impl.h"
#include "layer_spec.h"
#include "nn/layer_shape.h"

struct layer_pool_state {
    struct layer layer;
    struct pool_shape shape;
};

static const char *const maxpool_options[] = {"stride", "pad", NULL};
static const char *const avgpool_options[] = {"stride", "pad", "count_pad", NULL};

const struct pool_shape *layer_pool_shape(const struct layer *layer)
{
    bool pool = layer->ops == &layer_maxpool || layer->ops == &layer_avgpool;
    return pool ? &((const struct layer_pool_state *)layer)->shape : NULL;
}

const struct pool_shape *layer_maxpool_shape(const struct layer *layer)
{
    return layer->ops == &layer_maxpool ? layer_pool_shape(layer) : NULL;
}

static enum status pool_setup(struct layer *layer, const struct layer_spec *spec)
{
    static const struct layer_window_kind kind = {
        .noun = "window", .most = POOL_SIZE_MAX, .pools = true};
    const struct shape *in = &layer->in;
    TRY(layer_spec_windows(layer, spec, &kind));
    struct pool_shape *shape = &((struct layer_pool_state *)layer)->shape;
    *shape = (struct pool_shape){.n = layer->grain,
                                 .h = in->h,
                                 .w = in->w,
                                 .c = in->c,
                                 .r = layer->rows,
                                 .s = layer->columns};
    pool_shape_complete(shape);
    layer->out = (struct shape){shape->p, shape->q, in->c};
    layer->element_forward =
        (double)shape_size(layer->out) * shape->r.size * shape->s.size;
    return ST_OK;
}

static enum status maxpool_setup(struct layer *layer, const struct layer_spec *spec)
{
    TRY(layer_spec_only(spec, true, maxpool_options));
    TRY(pool_setup(layer, spec));
    layer->save = (size_t)shape_size(layer->out); /* argmax, a byte each */
    return ST_OK;
}

static enum status avgpool_setup(struct layer *layer, const struct layer_spec *spec)
{
    int counts = 1;
    TRY(layer_spec_only(spec, true, avgpool_options));
    TRY(layer_spec_word(spec, "count_pad", layer_off_on, &counts));
    TRY(pool_setup(layer, spec));
    ((struct layer_pool_state *)layer)->shape.inside = !counts;
    return ST_OK;
}

static struct pool_shape pool_grain_shape(const struct layer *layer,
                                          const struct pass *pass)
{
    struct pool_shape shape = ((const struct layer_pool_state *)layer)->shape;
    shape.n = pass->n;
    return shape;
}

static void maxpool_layer_forward(const struct layer *layer, const struct pass *pass)
{
    struct pool_shape shape = pool_grain_shape(layer, pass);
    maxpool_forward(&pass->team, &shape, pass->y, pass->train ? pass->save : NULL,
                    pass->x);
}

static void maxpool_layer_backward(const struct layer *layer, const struct pass *pass)
{
    struct pool_shape shape = pool_grain_shape(layer, pass);
    if (pass->dx)
        maxpool_backward(&pass->team, &shape, pass->dx, pass->dy, pass->save);
}

static void avgpool_layer_forward(const struct layer *layer, const struct pass *pass)
{
    struct pool_shape shape = pool_grain_shape(layer, pass);
    avgpool_forward(&pass->team, &shape, pass->y, pass->x);
}

static void avgpool_layer_backward(const struct layer *layer, const struct pass *pass)
{
    struct pool_shape shape = pool_grain_shape(layer, pass);
    if (pass->dx)
        avgpool_backward(&pass->team, &shape, pass->dx, pass->dy);
}

static struct split_sets pool_layer_splits(const struct layer *layer)
{
    return pool_splits(&((const struct layer_pool_state *)layer)->shape);
}

const struct layer_ops layer_maxpool = {
    .kind = "maxpool",
    .help = "maxpool SIZE [stride=SIZE] [pad=0|same]",
    .bytes = sizeof(struct layer_pool_state),
    .inputs = 1,
    .rises = true,
    .blocks = true,
    .setup = maxpool_setup,
    .forward = maxpool_layer_forward,
    .backward = maxpool_layer_backward,
    .splits = pool_layer_splits,
};

const struct layer_ops layer_avgpool = {
    .kind = "avgpool",
    .help = "avgpool SIZE [stride=SIZE] [pad=0|same] [count_pad=on]",
    .bytes = sizeof(struct layer_pool_state),
    .inputs = 1,
    .blocks = true,
    .setup = avgpool_setup,
    .forward = avgpool_layer_forward,
    .backward = avgpool_layer_backward,
    .splits = pool_layer_splits,
};
