/* model_layout: where the tensors of a model lie in its flat vector. */
#include "model_impl.h"

#define MODEL_ALIGN 16 /* floats: a tensor begins at a cache line */

static size_t model_align(size_t n)
{
    return (n + MODEL_ALIGN - 1) / MODEL_ALIGN * MODEL_ALIGN;
}

void model_place_tensors(struct model *model, struct layer *layer)
{
    for (int t = 0; t < layer->tensors; t++) {
        layer->tensor[t].offset = model->params;
        model->params = model_align(model->params + layer->tensor[t].count);
        ranges_append(&model->ranges, model->params, layer->tensor[t].rule);
    }
    model->flops += layer->flops;
}
