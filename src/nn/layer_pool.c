/* maxpool and avgpool. */
#include <stddef.h>

#include "kernels/pool.h"
#include "layer_impl.h"
#include "layer_spec.h"

struct layer_pool_state {
    struct layer layer;
    struct pool_shape shape;
};

static const char *const pool_options[] = {"stride", "pad", NULL};

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
    struct layer_pool_state *pool = (struct layer_pool_state *)layer;
    const struct shape *in = &layer->in;
    int size = 0, pad = 0;
    TRY(layer_spec_only(spec, true, pool_options));
    TRY(layer_spec_value(spec, true, 1, POOL_SIZE_MAX, &size));
    int stride = size;
    TRY(layer_spec_int(spec, "stride", 1, 1024, &stride));
    TRY(layer_spec_int(spec, "pad", 0, POOL_SIZE_MAX, &pad));
    if (2 * pad > size)
        FAIL(ST_USAGE, "%s: %s: pad %d is more than half of the window's %d", spec->where,
             spec->name, pad, size);
    if (size > in->h + 2 * pad || size > in->w + 2 * pad)
        FAIL(ST_USAGE, "%s: %s: window %d is larger than its input %dx%dx%d", spec->where,
             spec->name, size, in->h, in->w, in->c);
    pool->shape = (struct pool_shape){.n = layer->grain,
                                      .h = in->h,
                                      .w = in->w,
                                      .c = in->c,
                                      .size = size,
                                      .stride = stride,
                                      .pad = pad};
    pool_shape_complete(&pool->shape);
    layer->out = (struct shape){pool->shape.p, pool->shape.q, in->c};
    layer->window = (struct layer_window){size, stride, pad};
    layer->element_forward = (double)shape_size(layer->out) * size * size;
    return ST_OK;
}

static enum status maxpool_setup(struct layer *layer, const struct layer_spec *spec)
{
    TRY(pool_setup(layer, spec));
    layer->save = (size_t)shape_size(layer->out); /* argmax, a byte each */
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
    .help = "maxpool SIZE [stride=SIZE] [pad=0]",
    .bytes = sizeof(struct layer_pool_state),
    .inputs = 1,
    .rises = true,
    .setup = maxpool_setup,
    .forward = maxpool_layer_forward,
    .backward = maxpool_layer_backward,
    .splits = pool_layer_splits,
};

const struct layer_ops layer_avgpool = {
    .kind = "avgpool",
    .help = "avgpool SIZE [stride=SIZE] [pad=0]",
    .bytes = sizeof(struct layer_pool_state),
    .inputs = 1,
    .setup = pool_setup,
    .forward = avgpool_layer_forward,
    .backward = avgpool_layer_backward,
    .splits = pool_layer_splits,
};
