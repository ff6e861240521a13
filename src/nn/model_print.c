/* model_print: a model as a table. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "model_impl.h"
#include "nn/layer_shape.h"
#include "nn/workspace.h"

static bool model_is_chain(const struct model *model)
{
    for (int i = 0; i < model->layers; i++)
        if (model->layer[i]->inputs > 1 || model->layer[i]->input[0] != i)
            return false;
    return true;
}

static const char *model_value_name(const struct model *model, int value)
{
    return value == 0 ? "input" : model->layer[value - 1]->name;
}

static bool model_has_frozen(const struct model *model)
{
    for (int l = 0; l < model->layers; l++)
        if (model->layer[l]->tensors > 0 && !layer_changes(model->layer[l]))
            return true;
    return false;
}

static void model_print_row(struct table *table, const char *name, struct shape out,
                            size_t params, double flops)
{
    char *shape = layer_shape_text(out);
    table_cellf(table, "%s", name);
    table_cellf(table, "%s", shape);
    if (params > 0)
        table_cellf(table, "%zu", params);
    else
        table_cellf(table, "%s", "");
    if (flops > 0.0)
        table_cellf(table, "%.3f", flops * 1e-6);
    else
        table_cellf(table, "%s", "");
    free(shape);
}

/* The inputs of a layer, if one of them is not the layer before. */
static void model_print_inputs(struct table *table, const struct model *model, int layer)
{
    const struct layer *l = layer < 0 ? NULL : model->layer[layer];
    if (!l || (l->inputs == 1 && l->input[0] == layer))
        table_cellf(table, "%s", "");
    else if (l->inputs == 1)
        table_cellf(table, "%s", model_value_name(model, l->input[0]));
    else
        table_cellf(table, "%s, %s", model_value_name(model, l->input[0]),
                    model_value_name(model, l->input[1]));
}

/* layer -1: the row of something else. */
static void model_print_frozen(struct table *table, const struct model *model, int layer)
{
    const struct layer *l = layer < 0 ? NULL : model->layer[layer];
    table_cellf(table, "%s", l && l->tensors > 0 && !layer_changes(l) ? "frozen" : "");
}

/* The last cells of the row of a layer, or of something else (-1). */
static void model_print_more(struct table *table, const struct model *model, int layer,
                             bool graph, bool frozen)
{
    if (frozen)
        model_print_frozen(table, model, layer);
    if (graph)
        model_print_inputs(table, model, layer);
}

void model_print(const struct model *model)
{
    struct table table = {0};
    bool graph = !model_is_chain(model), frozen = model_has_frozen(model);
    table_init(&table, "<layer", ">output", ">parameters", ">MFLOP/image", NULL);
    if (frozen)
        table_head(&table, "<learns");
    if (graph)
        table_head(&table, "<from");
    model_print_row(&table, "input", model->in, 0, 0.0);
    model_print_more(&table, model, -1, graph, frozen);
    for (int i = 0; i < model->layers; i++) {
        const struct layer *layer = model->layer[i];
        model_print_row(&table, layer->name, layer->out, layer_param_count(layer),
                        layer->flops);
        model_print_more(&table, model, i, graph, frozen);
    }
    model_print_row(&table, "total", model->layer[model->layers - 1]->out,
                    model_param_count(model), model->flops);
    model_print_more(&table, model, -1, graph, frozen);
    table_print(&table);
    table_release(&table);
    log_out("memory     %.1f MB for each grain of %d images on its way\n",
            (double)workspace_bytes(model, 1) / 1e6, model->grain);
}
