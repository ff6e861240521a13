#include "nn/layer.h"

#include "base/mem.h"
#include "nn/layer_shape.h"

bool layer_changes(const struct layer *layer)
{
    for (int t = 0; t < layer->tensors; t++)
        if (RANGES_SUMMED & RANGE_BIT(layer->tensor[t].rule))
            return true;
    return false;
}

bool layer_sums_grain(const struct layer *layer)
{
    const struct layer_ops *ops = layer->ops;
    return ops->gradients && layer_changes(layer) &&
           !(ops->gradients_go_on && ops->gradients_go_on(layer));
}

const float *layer_bias(const struct layer *layer, const float *params)
{
    return layer->tensors > 1 ? params + layer->tensor[1].offset : NULL;
}

float *layer_dbias(const struct layer *layer, float *grads)
{
    return layer->tensors > 1 ? grads + layer->tensor[1].offset : NULL;
}

/* The coupling of the whole grain. */
static void layer_couple(const struct layer *layer, const struct layer_coupling *coupling,
                         const struct pass *pass)
{
    if (coupling->gather)
        coupling->gather(layer, pass);
    if (coupling->settle)
        coupling->settle(layer, pass);
}

static struct pass layer_whole_pass(const struct pass *pass)
{
    struct pass whole = *pass;
    whole.first = 0;
    whole.all = pass->n;
    return whole;
}

void layer_forward(const struct layer *layer, const struct pass *pass)
{
    const struct pass whole = layer_whole_pass(pass);
    layer_couple(layer, &layer->ops->couples_forward, &whole);
    layer->ops->forward(layer, &whole);
}

void layer_backward(const struct layer *layer, const struct pass *pass)
{
    const struct pass whole = layer_whole_pass(pass);
    layer_couple(layer, &layer->ops->couples_backward, &whole);
    layer->ops->backward(layer, &whole);
    if (layer->ops->gradients && layer_changes(layer))
        layer->ops->gradients(layer, &whole);
}

size_t layer_save_bytes(const struct layer *layer, int n)
{
    return (size_t)n * layer->save + layer->save_grain;
}

size_t layer_scratch_bytes(const struct layer *layer, int members)
{
    return layer->scratch + (size_t)members * layer->scratch_member;
}

char *layer_shape_text(struct shape shape)
{
    if (shape.h * shape.w == 1)
        return mem_format("%d", shape.c);
    return mem_format("%dx%dx%d", shape.h, shape.w, shape.c);
}
