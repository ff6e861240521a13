/* model_ops: what a model runs: its layers, some of them fused, and how they are
   wired. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "layer_impl.h"
#include "model_impl.h"

static int model_last_member(const struct model *model, int op)
{
    const struct layer_members *members = &model->members[op];
    return members->layer[members->count - 1];
}

bool model_divides(const struct model *model, int value)
{
    for (int o = value; o < model->ops; o++)
        for (int i = 0; i < model->wires[o].inputs; i++)
            if (model->wires[o].value[i] < value)
                return false;
    return true;
}

static void model_find_feature(struct model *model)
{
    int value = 0;
    while (value < model->ops && !model_goes_back(model, value))
        value++;
    while (value > 0 && !(model->still && model_divides(model, value)))
        value--;
    model->feature = value;
}

static void model_wire_ops(struct model *model)
{
    free(model->wires);
    free(model->wanted);
    model->wires = mem_zeroed((size_t)model->ops, sizeof *model->wires);
    model->wanted = mem_zeroed((size_t)model->ops + 1, sizeof *model->wanted);
    model->wanted[0] = model->learns_before && !model->forward_only;
    /* [value of the layers]: the value of the ops; 0: inside a block, nobody reads it */
    int *value = mem_zeroed((size_t)model->layers + 1, sizeof *value);
    for (int o = 0; o < model->ops; o++) {
        const struct layer *layer = model->op[o];
        struct model_wires *wires = &model->wires[o];
        wires->inputs = layer->inputs;
        model->wanted[o + 1] = layer_changes(layer) && !model->forward_only;
        for (int i = 0; i < layer->inputs; i++) {
            wires->value[i] = value[layer->input[i]];
            ASSERT(wires->value[i] > 0 || layer->input[i] == 0);
            if (model->wanted[wires->value[i]])
                model->wanted[o + 1] = true;
        }
        value[model_last_member(model, o) + 1] = o + 1;
    }
    free(value);
    model_find_feature(model);
    model_place_packed(model);
}

/* --- which layers are fused --- */

/* The fused block that runs the layer and some behind it, *members; NULL: the layer runs
   alone. */
static struct layer *model_find_block(const struct model *model, int first,
                                      struct layer_members *members)
{
    int taken = 0;
    struct layer *block = layer_block_create(model->layer, first, model->layers, &taken);
    if (!block)
        block = layer_conv_norm_create(model->layer, first, model->layers, &taken);
    if (!block && model->forward_only)
        block = layer_conv_activated_create(model->layer, first, model->layers, &taken);
    *members = (struct layer_members){.count = taken};
    for (int i = 0; i < taken; i++)
        members->layer[i] = first + i;
    return block ? block
                 : layer_norm_block_create(model->layer, first, model->layers, members);
}

static void model_add_op(struct model *model, struct layer *op,
                         const struct layer_members *members)
{
    model->members[model->ops] = *members;
    model->op[model->ops++] = op;
}

static void model_add_layer(struct model *model, int l)
{
    model_add_op(model, model->layer[l], &(struct layer_members){1, {l}});
}

/* A block waits for its last layer: until then others may have to run that it needs. */
struct model_waiting {
    struct layer *block; /* NULL: none */
    struct layer_members members;
};

/* An op for each layer, or for each group of layers that a fused kernel runs. */
void model_find_ops(struct model *model)
{
    size_t layers = (size_t)model->layers;
    model->op = mem_zeroed(layers, sizeof(struct layer *));
    model->members = mem_zeroed(layers, sizeof *model->members);
    struct model_waiting *last = mem_zeroed(layers, sizeof *last); /* [its last layer] */
    bool *taken = mem_zeroed(layers, sizeof *taken);
    for (int l = 0; l < model->layers; l++) {
        struct layer_members members = {0};
        struct layer *block = taken[l] ? NULL : model_find_block(model, l, &members);
        for (int i = 0; i < members.count; i++)
            taken[members.layer[i]] = true;
        if (block)
            last[members.layer[members.count - 1]] =
                (struct model_waiting){block, members};
        if (last[l].block)
            model_add_op(model, last[l].block, &last[l].members);
        else if (!taken[l])
            model_add_layer(model, l);
    }
    free(last);
    free(taken);
    model_wire_ops(model);
}

static void model_release_blocks(struct model *model)
{
    for (int o = 0; o < model->ops; o++)
        if (model->members[o].count > 1)
            free(model->op[o]);
    model->ops = 0;
}

void model_release_ops(struct model *model)
{
    model_release_blocks(model);
    free(model->op);
    free(model->members);
    free(model->wires);
    free(model->wanted);
}

void model_unfuse(struct model *model)
{
    model_release_blocks(model);
    for (int l = 0; l < model->layers; l++)
        model_add_layer(model, l);
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
    return model->layer[model_last_member(model, op)];
}

char *model_op_text(const struct model *model, int op)
{
    const struct layer_members *members = &model->members[op];
    char *text = mem_strdup(model->op[op]->name);
    for (int i = 1; i < members->count; i++)
        mem_append(&text, "+%s", model->layer[members->layer[i]]->name);
    return text;
}

struct model_work model_op_work(const struct model *model, int op)
{
    const struct layer *layer = model->op[op];
    bool input = model->wanted[model->wires[op].value[0]];
    int gradients = layer_changes(layer) + input;
    double forward = layer->work_forward > 0 ? layer->work_forward : layer->flops;
    double weight = layer->work_backward > 0 ? layer->work_backward : layer->flops;
    double data = layer->work_data > 0 ? layer->work_data : weight;
    return (struct model_work){layer->flops, gradients * layer->flops, forward,
                               (layer_changes(layer) ? weight : 0) + (input ? data : 0)};
}
