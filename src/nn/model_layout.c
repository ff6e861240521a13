/* model_layout: where the tensors of a model lie in its flat vector, and by which
   rules. */
#include <string.h>

#include "base/div.h"
#include "model_impl.h"

#define MODEL_ALIGN 16 /* floats: a tensor begins at a cache line */

static size_t model_align(size_t n)
{
    return div_round_up(n, MODEL_ALIGN);
}

void model_place_tensors(struct model *model, struct layer *layer)
{
    for (int t = 0; t < layer->tensors; t++) {
        layer->tensor[t].offset = model->params;
        model->params = model_align(model->params + layer->tensor[t].count);
    }
    model->flops += layer->flops;
}

void model_find_ranges(struct model *model)
{
    const struct layer_tensor *last = NULL;
    for (int l = 0; l < model->layers; l++)
        for (int t = 0; t < model->layer[l]->tensors; t++) {
            const struct layer_tensor *tensor = &model->layer[l]->tensor[t];
            if (last)
                ranges_append(&model->ranges, tensor->offset, last->rule);
            last = tensor;
        }
    if (last)
        ranges_append(&model->ranges, model->params, last->rule);
}

void model_find_learning(struct model *model)
{
    model->learn_begin = model->params;
    for (int l = model->layers - 1; l >= 0; l--)
        if (layer_changes(model->layer[l]))
            model->learn_begin = model->layer[l]->tensor[0].offset;
}

size_t model_learning_count(const struct model *model)
{
    size_t count = 0;
    for (int i = 0; i < model->layers; i++)
        for (int t = 0; t < model->layer[i]->tensors; t++) {
            const struct layer_tensor *tensor = &model->layer[i]->tensor[t];
            if (RANGES_TRAINED & RANGE_BIT(tensor->rule))
                count += tensor->count;
        }
    return count;
}

void model_find_head(struct model *model)
{
    int head = model->layers - 1;
    while (head > 0 && model->layer[head]->tensors == 0)
        head--;
    model->layer[head]->head = model->layer[head]->called_head = true;
    for (int l = 0; l < model->layers; l++)
        if (strcmp(model->layer[l]->name, "head") == 0)
            model->layer[head]->called_head = false;
}

const struct layer *model_head(const struct model *model)
{
    int head = model->layers - 1;
    while (head > 0 && !model->layer[head]->head)
        head--;
    return model->layer[head];
}
