#include "nn/layer.h"

#include "base/mem.h"

const float *layer_bias(const struct layer *layer, const float *params)
{
    return layer->tensors > 1 ? params + layer->tensor[1].offset : NULL;
}

float *layer_dbias(const struct layer *layer, float *grads)
{
    return layer->tensors > 1 ? grads + layer->tensor[1].offset : NULL;
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
