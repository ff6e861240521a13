/* model_part: the units of a model, and some of them as a model of their own. */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model_impl.h"

/* May a unit begin at layer l? Only value l may pass its border: no layer from there on
   reads an earlier one. last_reader[v]: the last layer that reads value v. */
static void model_find_borders(const struct model *model, bool *border)
{
    int *last_reader = mem_zeroed((size_t)model->layers + 1, sizeof *last_reader);
    int latest = -1; /* layer that reads one of values [0, l) */
    for (int l = 0; l < model->layers; l++)
        for (int i = 0; i < model->layer[l]->inputs; i++)
            last_reader[model->layer[l]->input[i]] = l;
    for (int l = 0; l < model->layers; l++) {
        border[l] = latest < l;
        latest = last_reader[l] > latest ? last_reader[l] : latest;
    }
    free(last_reader);
}

void model_find_statistics(struct model *model)
{
    for (int l = 0; l < model->layers; l++) {
        const struct layer *layer = model->layer[l];
        const struct layer_statistic *from = &layer->statistic;
        const struct layer_tensor *tensor = &layer->tensor[from->tensor];
        if (from->values_per_sample <= 0)
            continue;
        const struct statistic statistic = {
            .mean = tensor[0].offset,
            .variance = tensor[1].offset,
            .channels = tensor[0].count,
            .momentum = from->momentum,
            .values_per_sample = from->values_per_sample,
        };
        statistics_add(&model->statistics, &statistic);
    }
}

/* Does the layer belong to the unit of the layer before it? */
static bool model_follows(const struct model *model, int l)
{
    const struct layer *layer = model->layer[l];
    return layer->ops->follows && l > 0 && layer->input[0] == l &&
           model->layer[l - 1]->readers == 1;
}

void model_find_units(struct model *model)
{
    int most = 0;
    bool *border = mem_zeroed((size_t)model->layers, sizeof *border);
    model_find_borders(model, border);
    for (int l = 0; l < model->layers; l++)
        most += model->layer[l]->tensors > 0;
    model->unit = mem_zeroed((size_t)most, sizeof *model->unit);
    model->units = 0;
    for (int l = 0; l < model->layers; l++) {
        const struct layer *layer = model->layer[l];
        if (layer->tensors > 0 &&
            (model->units == 0 || (border[l] && !model_follows(model, l)))) {
            struct model_unit *unit = &model->unit[model->units++];
            *unit = (struct model_unit){.layer = l, .begin = layer->tensor[0].offset};
            if (model->units > 1)
                unit[-1].end = unit->begin;
        }
        if (model->units > 0)
            model->unit[model->units - 1].layer_end = l + 1;
    }
    model->unit[0].layer = 0;
    model->unit[model->units - 1].end = model->params;
    free(border);
}

void model_find_depths(struct model *model)
{
    for (int u = 0; u < model->units; u++)
        for (int l = model->unit[u].layer; l < model->unit[u].layer_end; l++)
            model->layer[l]->depth = model->units - 1 - u;
}

/* Tensors of the layers before `layer`. */
static int model_tensors_before(const struct model *model, int layer)
{
    int tensors = 0;
    for (int l = 0; l < layer; l++)
        tensors += model->layer[l]->tensors;
    return tensors;
}

static int model_ops_before(const struct model *model, int layer)
{
    int ops = 0;
    while (ops < model->ops && model->op[ops]->index < layer)
        ops++;
    return ops;
}

void model_part(struct model *part, const struct model *whole, int begin, int end)
{
    ASSERT(whole->unit_before == 0 && begin < end && end <= whole->units);
    int first = whole->unit[begin].layer, last = whole->unit[end - 1].layer_end;
    size_t offset = whole->unit[begin].begin;
    *part = (struct model){
        .in = whole->layer[first]->in,
        .classes = whole->classes,
        .multi_label = whole->multi_label,
        .grain = whole->grain,
        .policy = whole->policy,
        .params = whole->unit[end - 1].end - offset,
        .op_before = model_ops_before(whole, first),
        .layer_before = first,
        .tensor_before = model_tensors_before(whole, first),
        .unit_before = begin,
        .learns_before = whole->learn_begin < offset,
        .still = whole->still,
    };
    part->layer = mem_zeroed((size_t)(last - first), sizeof(struct layer *));
    for (int l = first; l < last; l++) {
        const struct layer *from = whole->layer[l];
        struct layer *layer = mem_zeroed(1, from->ops->bytes);
        memcpy(layer, from, from->ops->bytes);
        for (int i = 0; i < layer->inputs; i++)
            layer->input[i] -= first;
        for (int t = 0; t < layer->tensors; t++)
            layer->tensor[t].offset -= offset;
        part->layer[part->layers++] = layer;
        part->flops += layer->flops;
    }
    ranges_copy(&part->ranges, &whole->ranges, offset, offset + part->params);
    model_find_learning(part);
    model_find_units(part);
    model_find_statistics(part);
    model_find_ops(part);
    ASSERT(model_ops_before(whole, last == whole->layers ? INT_MAX : last) ==
           part->op_before + part->ops); /* no block crosses the border */
}
