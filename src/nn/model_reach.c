/* model_reach: what a model sees of its input, and how large the input must be. */
#include <stdlib.h>

#include "base/mem.h"
#include "model_impl.h"

/* Rows and columns of a value, from the first, that can affect the output. */
struct model_reach {
    int rows, columns;
};

/* Inputs that the first `out` outputs of a window depend on. */
static int model_window_reach(const struct window *window, int out, int in)
{
    int last = window_first(window, out - 1) + window_reach(window);
    return last < in ? last : in;
}

/* The part of its first input that a layer needs for the part `out` of its output. */
static struct model_reach model_layer_reach(const struct layer *layer,
                                            struct model_reach out)
{
    if (layer->rows.size > 0)
        return (struct model_reach){
            model_window_reach(&layer->rows, out.rows, layer->in.h),
            model_window_reach(&layer->columns, out.columns, layer->in.w)};
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

/* --- the least input --- */

/* The fewest inputs for `out` outputs. */
static int model_window_least(const struct window *window, bool same, int out)
{
    int around = same ? window_reach(window) - 1 : 2 * window->pad;
    int inputs = (out - 1) * window->stride + window_reach(window) - around;
    return inputs > 1 ? inputs : 1;
}

/* What the layer needs of its inputs for an output of out.h x out.w; false: larger inputs
   do not make its output that large. */
static bool model_layer_least(const struct layer *layer, struct shape out,
                              struct shape *in)
{
    *in = out;
    if (layer->rows.size > 0) {
        in->h = model_window_least(&layer->rows, layer->pad_same, out.h);
        in->w = model_window_least(&layer->columns, layer->pad_same, out.w);
    } else if (layer->in.h != layer->out.h || layer->in.w != layer->out.w) {
        *in = (struct shape){1, 1, 0};
        return out.h <= 1 && out.w <= 1;
    }
    return true;
}

static void model_need(struct shape *need, struct shape by)
{
    need->h = by.h > need->h ? by.h : need->h;
    need->w = by.w > need->w ? by.w : need->w;
}

bool model_least_input(const struct model *model, int value, struct shape least,
                       struct shape *input)
{
    struct shape *need = mem_zeroed((size_t)value + 1, sizeof *need);
    bool possible = true;
    need[value] = least;
    for (int v = value; v > 0 && possible; v--) {
        const struct layer *layer = model->layer[v - 1];
        struct shape in;
        if (need[v].h == 0)
            continue;
        possible = model_layer_least(layer, need[v], &in);
        model_need(&need[layer->input[0]], in);
        if (layer->inputs > 1 && layer->in2.h == layer->out.h &&
            layer->in2.w == layer->out.w)
            model_need(&need[layer->input[1]], need[v]);
    }
    *input = need[0];
    free(need);
    return possible;
}

/* --- layers that read a single pixel --- */

static bool model_window_wide(const struct window *window)
{
    return window->size > 1 || window->stride > 1;
}

const struct layer *model_starved(const struct model *model, struct shape *least)
{
    const struct layer *first = NULL;
    *least = (struct shape){1, 1, 0};
    for (int i = 0; i < model->layers; i++) {
        const struct layer *layer = model->layer[i];
        struct shape input;
        if (!model_window_wide(&layer->rows) && !model_window_wide(&layer->columns))
            continue;
        if (!model_least_input(model, layer->input[0], (struct shape){2, 2, 0}, &input))
            continue; /* a pool of all pixels is before it, or the like */
        model_need(least, input);
        if (!first && layer->in.h == 1 && layer->in.w == 1)
            first = layer;
    }
    return first;
}
