/* A block: conv 3x3, maxpool 2x2 and the activation behind them, run as one op by the
   fused kernel (kernels/conv_pool.h). Config, printed table and files know only its
   layers. */
#include <stdio.h>

#include "base/mem.h"
#include "kernels/conv.h"
#include "kernels/conv_pool.h"
#include "kernels/pool.h"
#include "layer_impl.h"
#include "nn/layer_shape.h"

struct layer_block_state {
    struct layer layer;
    struct conv_pool_shape shape;
};

static bool block_convolves(const struct window *window)
{
    return window->size == 3 && window->stride == 1 && window->pad <= 1 &&
           window->extra == 0 && window_dilation(window) == 1;
}

static bool block_pools_halves(const struct window *window)
{
    return window->size == 2 && window->stride == 2 && window->pad == 0 &&
           window->extra == 0;
}

static bool block_is_fusable(const struct layer *conv, const struct layer *pool)
{
    const struct conv_shape *c = layer_conv_shape(conv);
    const struct pool_shape *p = pool ? layer_maxpool_shape(pool) : NULL;
    return c && p && conv_groups(c) == 1 && block_convolves(&c->r) &&
           block_convolves(&c->s) && c->r.pad == c->s.pad && block_pools_halves(&p->r) &&
           block_pools_halves(&p->s);
}

/* The layer behind layers[i], if it alone reads the output of layers[i]; NULL: there is
   none. */
static const struct layer *block_sole_reader(struct layer *const *layers, int i,
                                             int count)
{
    if (i + 1 >= count || layers[i]->readers != 1)
        return NULL;
    const struct layer *next = layers[i + 1];
    return next->inputs == 1 && next->input[0] == i + 1 ? next : NULL;
}

static int block_activation(const struct layer *layer)
{
    if (layer && layer->ops == &layer_gelu)
        return CONV_POOL_GELU;
    if (layer && layer->ops == &layer_relu)
        return CONV_POOL_RELU;
    return CONV_POOL_NONE;
}

static struct conv_pool_shape block_shape(const struct layer *layer,
                                          const struct pass *pass)
{
    struct conv_pool_shape shape = ((const struct layer_block_state *)layer)->shape;
    shape.n = pass->n;
    return shape;
}

/* save holds the slopes of all samples, if there is an activation, then the argmax of
   all. */
static float *block_slopes(const struct layer *layer, const struct pass *pass)
{
    bool slopes = block_shape(layer, pass).activation != CONV_POOL_NONE;
    return slopes ? pass->save : NULL;
}

static uint8_t *block_argmax(const struct layer *layer, const struct pass *pass)
{
    float *slopes = block_slopes(layer, pass);
    return slopes ? (uint8_t *)(slopes + (size_t)pass->n * (size_t)shape_size(layer->out))
                  : pass->save;
}

static void block_pack(const struct layer *layer, const struct team *team, float *packed,
                       float *packed_back, const float *params)
{
    conv_pool_pack(team, &((const struct layer_block_state *)layer)->shape, packed,
                   packed_back, params + layer->tensor[0].offset);
}

static void block_forward(const struct layer *layer, const struct pass *pass)
{
    struct conv_pool_shape shape = block_shape(layer, pass);
    const struct conv_pool_result result = {
        .y = pass->y,
        .argmax = pass->train ? block_argmax(layer, pass) : NULL,
        .slope = pass->train ? block_slopes(layer, pass) : NULL,
    };
    conv_pool_forward(&pass->team, &shape, &result, pass->x, pass->packed,
                      layer_bias(layer, pass->params), pass->scratch);
}

static void block_backward(const struct layer *layer, const struct pass *pass)
{
    struct conv_pool_shape shape = block_shape(layer, pass);
    const struct conv_pool_gradient gradient = {
        .dx = pass->dx,
        .dweight = pass->grads + layer->tensor[0].offset,
        .dbias = layer_dbias(layer, pass->grads),
        .x = pass->x,
        .back = pass->packed_back,
        .dy = pass->dy,
        .slope = block_slopes(layer, pass),
        .argmax = block_argmax(layer, pass),
    };
    conv_pool_backward(&pass->team, &shape, &gradient, pass->scratch);
}

static struct split_sets block_splits(const struct layer *layer)
{
    return conv_pool_splits(&((const struct layer_block_state *)layer)->shape);
}

static const struct layer_ops layer_block = {
    .kind = "block",
    .bytes = sizeof(struct layer_block_state),
    .inputs = 1,
    .keeps = LAYER_KEEPS_INPUTS,
    .pack = block_pack,
    .forward = block_forward,
    .backward = block_backward,
    .splits = block_splits,
};

struct layer *layer_block_create(struct layer *const *layers, int first, int count,
                                 int *taken)
{
    const struct layer *pool = block_sole_reader(layers, first, count);
    if (!block_is_fusable(layers[first], pool))
        return NULL;
    const struct conv_shape *conv = layer_conv_shape(layers[first]);
    struct layer_block_state *block = mem_zeroed(1, sizeof *block);
    struct layer *layer = &block->layer;
    block->shape = (struct conv_pool_shape){
        .n = conv->n,
        .h = conv->h,
        .w = conv->w,
        .c = conv->c,
        .k = conv->k,
        .pad = conv->r.pad,
        .activation = block_activation(block_sole_reader(layers, first + 1, count)),
    };
    conv_pool_complete(&block->shape);
    conv_pool_choose(&block->shape, &layers[first]->policy);
    *layer = *layers[first];
    layer->ops = &layer_block;
    layer->out = pool->out;
    bool alone = block->shape.activation == CONV_POOL_NONE;
    layer->save = (size_t)shape_size(layer->out) * (alone ? 1 : sizeof(float) + 1);
    layer->scratch = conv_pool_scratch(&block->shape);
    layer->scratch_member = conv_pool_scratch_member(&block->shape);
    layer->packed.floats = conv_pool_packed(&block->shape);
    layer->packed_back.floats = conv_pool_packed_back(&block->shape);
    double patch = 2.0 * 9 * conv->c * shape_size(layer->out);
    layer->work_forward = 4 * patch;
    layer->work_backward = patch;
    layer->work_data = 0;
    *taken = alone ? 2 : 3;
    return layer;
}
