#include "layer_spec.h"

#include <math.h>

#include "base/mem.h"

const char *const layer_init_words[] = {
    [INIT_PYTORCH] = "pytorch", [INIT_HE] = "he", NULL};
const char *const conv_init_words[] = {
    [INIT_PYTORCH] = "pytorch", [INIT_HE] = "he", [INIT_WHITEN] = "whiten", NULL};

void layer_init_values(const struct layer *layer, int t, int init, int fan_in,
                       struct rng *rng, float *values)
{
    const struct layer_tensor *tensor = &layer->tensor[t];
    float bound = (float)(1.0 / sqrt(fan_in)), deviation = (float)sqrt(2.0 / fan_in);
    for (size_t i = 0; i < tensor->count; i++) {
        if (init == INIT_PYTORCH)
            values[i] = rng_range(rng, -bound, bound);
        else
            values[i] = tensor->dims > 1 ? deviation * rng_normal(rng) : 0.0f;
    }
}

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

char *layer_shape_text(struct shape shape)
{
    if (shape.h * shape.w == 1)
        return mem_format("%d", shape.c);
    return mem_format("%dx%dx%d", shape.h, shape.w, shape.c);
}
