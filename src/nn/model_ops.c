/* model_ops: what a model runs: its layers, some of them fused, and how they are wired.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "layer_impl.h"
#include "model_impl.h"

static void model_wire_ops(struct model *model)
{
    free(model->wires);
    free(model->wanted);
    model->wires = mem_zeroed((size_t)model->ops, sizeof *model->wires);
    model->wanted = mem_zeroed((size_t)model->ops + 1, sizeof *model->wanted);
    model->wanted[0] = model->unit_before > 0 && !model->forward_only;
    /* [value of the layers]: the value of the ops; 0: inside a block, nobody reads it */
    int *value = mem_zeroed((size_t)model->layers + 1, sizeof *value);
    for (int o = 0; o < model->ops; o++) {
        const struct layer *layer = model->op[o];
        struct model_wires *wires = &model->wires[o];
        wires->inputs = layer->inputs;
        model->wanted[o + 1] = layer->tensors > 0 && !model->forward_only;
        for (int i = 0; i < layer->inputs; i++) {
            wires->value[i] = value[layer->input[i]];
            ASSERT(wires->value[i] > 0 || layer->input[i] == 0);
            if (model->wanted[wires->value[i]])
                model->wanted[o + 1] = true;
        }
        value[model_op_last(model, o)->index - model->layer_before + 1] = o + 1;
    }
    free(value);
    model_place_packed(model);
}

/* An op for each layer, or for each group of layers that a fused kernel runs. */
void model_find_ops(struct model *model)
{
    model->op = mem_zeroed((size_t)model->layers, sizeof(struct layer *));
    for (int i = 0; i < model->layers;) {
        int taken = 1;
        struct layer *block = layer_block_create(model->layer, i, model->layers, &taken);
        model->op[model->ops++] = block ? block : model->layer[i];
        i += taken;
    }
    model_wire_ops(model);
}

static void model_release_blocks(struct model *model)
{
    for (int o = 0; o < model->ops; o++)
        if (model->op[o] != model->layer[model->op[o]->index - model->layer_before])
            free(model->op[o]);
    model->ops = 0;
}

void model_release_ops(struct model *model)
{
    model_release_blocks(model);
    free(model->op);
    free(model->wires);
    free(model->wanted);
}

void model_unfuse(struct model *model)
{
    model_release_blocks(model);
    for (; model->ops < model->layers; model->ops++)
        model->op[model->ops] = model->layer[model->ops];
    model_wire_ops(model);
}

bool model_goes_back(const struct model *model, int op)
{
    return model->wanted[op + 1];
}

struct shape model_value_shape(const struct model *model, int value)
{
    return value == 0 ? model->in : model->op[value - 1]->out;
}

const struct layer *model_op_last(const struct model *model, int op)
{
    int end = model->layer_before + model->layers;
    int next = op + 1 < model->ops ? model->op[op + 1]->index : end;
    return model->layer[next - 1 - model->layer_before];
}

char *model_op_text(const struct model *model, int op)
{
    char *text = mem_strdup(model->op[op]->name);
    int first = model->op[op]->index, last = model_op_last(model, op)->index;
    for (int l = first + 1; l <= last; l++)
        mem_append(&text, "+%s", model->layer[l - model->layer_before]->name);
    return text;
}

struct model_work model_op_work(const struct model *model, int op)
{
    const struct layer *layer = model->op[op];
    bool input = model->wanted[model->wires[op].value[0]];
    int gradients = layer->tensors == 0 ? 0 : input ? 2 : 1;
    double forward = layer->work_forward > 0 ? layer->work_forward : layer->flops;
    double weight = layer->work_backward > 0 ? layer->work_backward : layer->flops;
    double data = layer->work_data > 0 ? layer->work_data : weight;
    return (struct model_work){layer->flops, gradients * layer->flops, forward,
                               (gradients > 0 ? weight : 0) + (gradients > 1 ? data : 0)};
}
