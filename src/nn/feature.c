#include "nn/feature.h"

/* Does no op behind the value read one before it? */
static bool feature_divides(const struct model *model, int value)
{
    for (int o = value; o < model->ops; o++)
        for (int i = 0; i < model->wires[o].inputs; i++)
            if (model->wires[o].value[i] < value)
                return false;
    return true;
}

int feature_value(const struct model *model)
{
    int value = 0;
    while (value < model->ops && !model_goes_back(model, value))
        value++;
    while (value > 0 && !(model->still && feature_divides(model, value)))
        value--;
    return value;
}

int feature_folded_value(const struct fold *fold, const struct model *model, int value)
{
    const struct layer *last = model_op_last(model, value - 1);
    int layer = fold->place[last->index - model->layer_before];
    for (int o = 0; layer >= 0 && o < fold->model.ops; o++)
        if (model_op_last(&fold->model, o) == fold->model.layer[layer])
            return feature_divides(&fold->model, o + 1) ? o + 1 : 0;
    return 0;
}
