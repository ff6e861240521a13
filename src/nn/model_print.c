/* model_print: a model as a table, and what it sees of its input. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "model_impl.h"
#include "nn/workspace.h"

/* --- the part of the input that matters --- */

/* Rows and columns of a value, from the first, that can affect the output. */
struct model_reach {
    int rows, columns;
};

/* Inputs that the first `out` outputs of a window depend on. */
static int model_window_reach(const struct layer_window *window, int out, int in)
{
    int last = (out - 1) * window->stride + window->size - window->pad;
    return last < in ? last : in;
}

/* What a layer needs of its first input for `out` of its output. */
static struct model_reach model_layer_reach(const struct layer *layer,
                                            struct model_reach out)
{
    const struct layer_window *window = &layer->window;
    if (window->size > 0)
        return (struct model_reach){model_window_reach(window, out.rows, layer->in.h),
                                    model_window_reach(window, out.columns, layer->in.w)};
    if (layer->in.h != layer->out.h || layer->in.w != layer->out.w)
        return (struct model_reach){layer->in.h, layer->in.w}; /* flatten uses all */
    return out;
}

static void model_reach_more(struct model_reach *reach, struct model_reach by,
                             struct shape shape)
{
    int rows = by.rows < shape.h ? by.rows : shape.h;
    int columns = by.columns < shape.w ? by.columns : shape.w;
    reach->rows = rows > reach->rows ? rows : reach->rows;
    reach->columns = columns > reach->columns ? columns : reach->columns;
}

void model_seen(const struct model *model, int *rows, int *columns)
{
    const struct shape out = model->layer[model->layers - 1]->out;
    struct model_reach *reach = mem_zeroed((size_t)model->layers + 1, sizeof *reach);
    reach[model->layers] = (struct model_reach){out.h, out.w};
    for (int i = model->layers - 1; i >= 0; i--) {
        const struct layer *layer = model->layer[i];
        model_reach_more(&reach[layer->input[0]], model_layer_reach(layer, reach[i + 1]),
                         layer->in);
        if (layer->inputs > 1)
            model_reach_more(&reach[layer->input[1]], reach[i + 1], layer->in2);
    }
    *rows = reach[0].rows;
    *columns = reach[0].columns;
    free(reach);
}

/* --- the table --- */

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

void model_print(const struct model *model)
{
    struct table table = {0};
    bool graph = !model_is_chain(model);
    table_init(&table, "<layer", ">output", ">parameters", ">MFLOP/image", NULL);
    if (graph)
        table_head(&table, "<from");
    model_print_row(&table, "input", model->in, 0, 0.0);
    if (graph)
        model_print_inputs(&table, model, -1);
    for (int i = 0; i < model->layers; i++) {
        const struct layer *layer = model->layer[i];
        model_print_row(&table, layer->name, layer->out, layer_param_count(layer),
                        layer->flops);
        if (graph)
            model_print_inputs(&table, model, i);
    }
    model_print_row(&table, "total", model->layer[model->layers - 1]->out,
                    model_param_count(model), model->flops);
    if (graph)
        model_print_inputs(&table, model, -1);
    table_print(&table);
    table_release(&table);
    log_out("memory     %.1f MB for each grain of %d images on its way\n",
            (double)workspace_bytes(model) / 1e6, model->grain);
}
