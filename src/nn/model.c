#include "nn/model.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "base/where.h"
#include "build.h"
#include "model_impl.h"
#include "nn/workspace.h"

/* Sizes are not trusted: a config may come with a checkpoint from anywhere. */
static enum status model_check_memory(const struct model *model, const char *where)
{
    double wanted =
        (double)workspace_bytes(model, 1) + 4.0 * (double)(model->params + model->packed);
    double limit = (double)mem_limit();
    if (wanted > limit)
        FAIL(ST_USAGE,
             "%s: the network takes %s for a grain of %d samples, a process may "
             "have %s here; make its layers or train.grain smaller, or train it with "
             "the layers shared among ranks (parallel.pipeline)",
             where, bytes_text(wanted).text, model->grain, bytes_text(limit).text);
    return ST_OK;
}

static void model_name_layers(const struct model *model)
{
    for (int i = 0; i < model->layers; i++)
        where_name_layer(i, model->layer[i]->name);
}

enum status model_describe(struct model *model, const struct model_spec *spec,
                           struct shape in, int classes, int grain)
{
    *model = (struct model){
        .in = in, .classes = classes, .grain = grain, .policy = spec->policy};
    enum status st;
    TRY_TO(failed, model_build(model, spec));
    model_find_head(model);
    TRY_TO(failed, model_freeze_layers(model, &spec->freeze));
    model_find_ranges(model);
    model_find_learning(model);
    model_find_units(model);
    model_find_depths(model);
    model_find_statistics(model);
    model_find_ops(model);
    model_name_layers(model);
    return ST_OK;
failed:
    model_release(model);
    return st;
}

enum status model_init(struct model *model, const struct model_spec *spec,
                       struct shape in, int classes, int grain)
{
    TRY(model_describe(model, spec, in, classes, grain));
    enum status st = model_check_memory(model, spec->lines.where[spec->lines.count - 1]);
    if (st != ST_OK)
        model_release(model);
    return st;
}

void model_release(struct model *model)
{
    model_release_ops(model);
    for (int i = 0; i < model->layers; i++)
        free(model->layer[i]);
    free(model->layer);
    free(model->unit);
    ranges_release(&model->ranges);
    statistics_release(&model->statistics);
    *model = (struct model){0};
}

void model_init_tensor(const struct model *model, uint64_t seed, int l, int t,
                       float *file)
{
    uint32_t index = (uint32_t)(model->tensor_before + t);
    struct rng rng;
    for (int before = 0; before < l; before++)
        index += (uint32_t)model->layer[before]->tensors;
    rng_init(&rng, seed, RNG_INIT, index, 0);
    model->layer[l]->ops->init(model->layer[l], t, &rng, file);
}

static void model_init_in_memory(const struct model *model, uint64_t seed, int l, int t,
                                 float *params)
{
    const struct layer *layer = model->layer[l];
    float *memory = params + layer->tensor[t].offset;
    if (!layer->ops->from_file) {
        model_init_tensor(model, seed, l, t, memory);
        return;
    }
    float *file = mem_zeroed(layer->tensor[t].count, sizeof *file);
    model_init_tensor(model, seed, l, t, file);
    layer->ops->from_file(layer, t, file, memory);
    free(file);
}

void model_init_params(const struct model *model, uint64_t seed, float *params)
{
    memset(params, 0, model->params * sizeof *params);
    for (int l = 0; l < model->layers; l++)
        for (int t = 0; t < model->layer[l]->tensors; t++)
            model_init_in_memory(model, seed, l, t, params);
}

size_t layer_param_count(const struct layer *layer)
{
    size_t count = 0;
    for (int t = 0; t < layer->tensors; t++)
        if (!layer->tensor[t].statistic)
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
