#include "nn/model.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/table.h"
#include "base/where.h"
#include "kernels/conv.h"
#include "kernels/pool.h"
#include "layer_impl.h"
#include "model_impl.h"
#include "nn/workspace.h"

#define MODEL_ALIGN 16 /* floats: a tensor begins at a cache line */

void model_spec_add(struct model_spec *spec, const char *text, const char *where)
{
    ASSERT(spec->count < MODEL_LAYERS);
    size_t count = (size_t)spec->count + 1;
    spec->text = mem_resize(spec->text, count, sizeof *spec->text);
    spec->where = mem_resize(spec->where, count, sizeof *spec->where);
    spec->text[spec->count] = mem_strdup(text);
    spec->where[spec->count] = mem_strdup(where);
    spec->count++;
}

void model_spec_release(struct model_spec *spec)
{
    for (int i = 0; i < spec->count; i++) {
        free(spec->text[i]);
        free(spec->where[i]);
    }
    free(spec->text);
    free(spec->where);
    *spec = (struct model_spec){0};
}

static enum status model_find_kind(const char *text, const char *where,
                                   const struct layer_ops **ops)
{
    enum { KINDS = 32 };
    char kind[LAYER_NAME];
    const char *names[KINDS];
    int count = 0;
    layer_spec_kind(text, kind);
    for (; layer_kinds[count]; count++) {
        ASSERT(count < KINDS);
        names[count] = layer_kinds[count]->kind;
        if (strcmp(names[count], kind) == 0) {
            *ops = layer_kinds[count];
            return ST_OK;
        }
    }
    const char *near = parse_nearest(kind, names, count);
    if (near)
        FAIL(ST_USAGE, "%s: unknown layer '%s', did you mean '%s'?", where, kind, near);
    FAIL(ST_USAGE, "%s: unknown layer '%s'", where, kind);
}

/* The kind and its number among the layers so far, "conv2". */
static void model_name_layer(const struct model *model, struct layer *layer)
{
    int number = 1;
    for (int i = 0; i < model->layers; i++)
        number += model->layer[i]->ops == layer->ops;
    snprintf(layer->name, sizeof layer->name, "%s%d", layer->ops->kind, number);
}

static size_t model_align(size_t n)
{
    return (n + MODEL_ALIGN - 1) / MODEL_ALIGN * MODEL_ALIGN;
}

static enum status model_add_layer(struct model *model, const char *text,
                                   const char *where)
{
    const struct layer_ops *ops = NULL;
    TRY(model_find_kind(text, where, &ops));
    struct layer *layer = mem_zeroed(1, ops->bytes);
    layer->ops = ops;
    layer->in = model->layers ? model->layer[model->layers - 1]->out : model->in;
    layer->index = model->layers;
    layer->grain = model->grain;
    model_name_layer(model, layer);
    model->layer[model->layers++] = layer;
    struct layer_spec spec = {
        .where = where, .name = layer->name, .text = text, .classes = model->classes};
    TRY(ops->setup(layer, &spec));
    const struct shape *out = &layer->out;
    if ((double)out->h * out->w * out->c * model->grain > INT_MAX)
        FAIL(ST_USAGE,
             "%s: %s: its output %dx%dx%d for a grain of %d samples is too large; make "
             "the layer or train.grain smaller",
             where, layer->name, out->h, out->w, out->c, model->grain);
    for (int t = 0; t < layer->tensors; t++) {
        layer->tensor[t].offset = model->params;
        model->params = model_align(model->params + layer->tensor[t].count);
        ranges_append(&model->ranges, model->params, layer->tensor[t].rule);
    }
    model->flops += layer->flops;
    return ST_OK;
}

static enum status model_check_end(const struct model *model, const char *where)
{
    const struct layer *last = model->layer[model->layers - 1];
    if (last->ops != &layer_logsoftmax)
        FAIL(ST_USAGE, "%s: %s: the last layer must be 'logsoftmax'", where, last->name);
    if (last->out.c != model->classes)
        FAIL(ST_USAGE,
             "%s: %s: the network has %d outputs, the data %d classes: write "
             "'linear classes'",
             where, last->name, last->out.c, model->classes);
    if (model->params == 0)
        FAIL(ST_USAGE, "%s: the network has nothing to learn: add 'linear classes'",
             where);
    return ST_OK;
}

static enum status model_add_layers(struct model *model, const struct model_spec *spec)
{
    if (spec->count == 0)
        FAIL(ST_USAGE, "the network has no layers: add 'layer =' lines to [model]");
    model->layer = mem_zeroed((size_t)spec->count, sizeof(struct layer *));
    for (int i = 0; i < spec->count; i++)
        TRY(model_add_layer(model, spec->text[i], spec->where[i]));
    return model_check_end(model, spec->where[spec->count - 1]);
}

/* An op for each layer, or for each group of layers that a fused kernel runs. */
void model_find_ops(struct model *model)
{
    model->op = mem_zeroed((size_t)model->layers, sizeof(struct layer *));
    for (int i = 0; i < model->layers;) {
        int taken = 1;
        struct layer *block =
            layer_block_create(&model->layer[i], model->layers - i, &taken);
        model->op[model->ops++] = block ? block : model->layer[i];
        i += taken;
    }
}

static void model_release_blocks(struct model *model)
{
    for (int o = 0, i = 0; o < model->ops; o++) {
        while (i < model->layers && model->layer[i]->index < model->op[o]->index)
            i++;
        if (model->op[o] != model->layer[i])
            free(model->op[o]);
    }
    model->ops = 0;
}

/* Sizes are not trusted: a config may come with a checkpoint from anywhere. */
static enum status model_check_memory(const struct model *model, const char *where)
{
    double wanted = (double)workspace_bytes(model) + 4.0 * (double)model->params;
    double limit = (double)mem_limit();
    if (wanted > limit)
        FAIL(ST_USAGE,
             "%s: the network takes %s for a grain of %d samples, a process may "
             "have %s here; make its layers or train.grain smaller, or train it with "
             "the layers shared among ranks (parallel.pipeline)",
             where, bytes_text(wanted).text, model->grain, bytes_text(limit).text);
    return ST_OK;
}

void model_unfuse(struct model *model)
{
    model_release_blocks(model);
    for (; model->ops < model->layers; model->ops++)
        model->op[model->ops] = model->layer[model->ops];
}

static void model_name_ops(const struct model *model)
{
    for (int i = 0; i < model->ops; i++)
        where_name_layer(i, model->op[i]->name);
}

enum status model_describe(struct model *model, const struct model_spec *spec,
                           struct shape in, int classes, int grain)
{
    *model = (struct model){.in = in, .classes = classes, .grain = grain};
    enum status st;
    TRY_TO(failed, model_add_layers(model, spec));
    model_find_units(model);
    model_find_ops(model);
    model_name_ops(model);
    return ST_OK;
failed:
    model_release(model);
    return st;
}

enum status model_init(struct model *model, const struct model_spec *spec,
                       struct shape in, int classes, int grain)
{
    TRY(model_describe(model, spec, in, classes, grain));
    enum status st = model_check_memory(model, spec->where[spec->count - 1]);
    if (st != ST_OK)
        model_release(model);
    return st;
}

void model_release(struct model *model)
{
    model_release_blocks(model);
    for (int i = 0; i < model->layers; i++)
        free(model->layer[i]);
    free(model->layer);
    free(model->op);
    free(model->unit);
    ranges_release(&model->ranges);
    *model = (struct model){0};
}

void model_init_params(const struct model *model, uint64_t seed, float *params)
{
    uint32_t index = (uint32_t)model->tensor_before;
    memset(params, 0, model->params * sizeof *params);
    for (int i = 0; i < model->layers; i++) {
        const struct layer *layer = model->layer[i];
        for (int t = 0; t < layer->tensors; t++, index++) {
            const struct layer_tensor *tensor = &layer->tensor[t];
            float *memory = params + tensor->offset;
            struct rng rng;
            rng_init(&rng, seed, RNG_INIT, index, 0);
            if (!layer->ops->from_file) {
                layer->ops->init(layer, t, &rng, memory);
                continue;
            }
            float *file = mem_zeroed(tensor->count, sizeof *file);
            layer->ops->init(layer, t, &rng, file);
            layer->ops->from_file(layer, t, file, memory);
            free(file);
        }
    }
}

/* Inputs that the first `out` outputs of a window of `size` depend on. */
static int model_reach(int out, int size, int stride, int pad, int in)
{
    int last = (out - 1) * stride + size - pad;
    return last < in ? last : in;
}

void model_seen(const struct model *model, int *rows, int *columns)
{
    const struct layer *last = model->layer[model->layers - 1];
    *rows = last->out.h;
    *columns = last->out.w;
    for (int i = model->layers - 1; i >= 0; i--) {
        const struct layer *layer = model->layer[i];
        const struct conv_shape *conv = layer_conv_shape(layer);
        const struct pool_shape *pool = layer_pool_shape(layer);
        if (conv) {
            *rows = model_reach(*rows, conv->r, conv->stride, conv->pad, conv->h);
            *columns = model_reach(*columns, conv->s, conv->stride, conv->pad, conv->w);
        } else if (pool) {
            *rows = model_reach(*rows, pool->size, pool->stride, pool->pad, pool->h);
            *columns =
                model_reach(*columns, pool->size, pool->stride, pool->pad, pool->w);
        } else if (layer->in.h != layer->out.h || layer->in.w != layer->out.w) {
            *rows = layer->in.h; /* flatten uses all */
            *columns = layer->in.w;
        }
    }
}

static size_t layer_param_count(const struct layer *layer)
{
    size_t count = 0;
    for (int t = 0; t < layer->tensors; t++)
        count += layer->tensor[t].count;
    return count;
}

size_t model_param_count(const struct model *model)
{
    size_t count = 0;
    for (int i = 0; i < model->layers; i++)
        count += layer_param_count(model->layer[i]);
    return count;
}

/* "13x13x32", or "128" for a flat vector. */
static char *shape_text(struct shape shape)
{
    if (shape.h * shape.w == 1)
        return mem_format("%d", shape.c);
    return mem_format("%dx%dx%d", shape.h, shape.w, shape.c);
}

static void model_print_row(struct table *table, const char *name, struct shape out,
                            size_t params, double flops)
{
    char *shape = shape_text(out);
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

void model_print(const struct model *model)
{
    struct table table;
    table_init(&table, "<layer", ">output", ">parameters", ">MFLOP/image", NULL);
    model_print_row(&table, "input", model->in, 0, 0.0);
    for (int i = 0; i < model->layers; i++) {
        const struct layer *layer = model->layer[i];
        model_print_row(&table, layer->name, layer->out, layer_param_count(layer),
                        layer->flops);
    }
    model_print_row(&table, "total", model->layer[model->layers - 1]->out,
                    model_param_count(model), model->flops);
    table_print(&table);
    table_release(&table);
}

struct model_work model_op_work(const struct model *model, int op)
{
    const struct layer *layer = model->op[op];
    bool first = op == model_first_op(model) && model->unit_before == 0;
    int gradients = layer->tensors == 0 ? 0 : first ? 1 : 2;
    double forward = layer->work_forward > 0 ? layer->work_forward : layer->flops;
    double backward = layer->work_backward > 0 ? layer->work_backward : layer->flops;
    return (struct model_work){layer->flops, gradients * layer->flops, forward,
                               gradients * backward};
}
