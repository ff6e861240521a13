#include "nn/fold.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model_impl.h"

/* What happens to a layer of the original. */
struct fold_layer {
    bool stays; /* false: it is no layer of the folded model */
    int into;   /* a norm: its work is done by this layer; -1: by itself */
    int norm;   /* the norm whose work this layer does; -1: none */
    int copy;   /* its place in the folded model */
    int output; /* the value of the folded model that is its output */
};

struct fold_build {
    struct fold *fold;
    const struct model *model;
    const float *params;      /* NULL: only described */
    enum fold_pools pools;    /* if described */
    double *factor, *offset;  /* owned: of the channels of one norm */
    struct fold_layer *layer; /* owned: (layers) */
};

/* --- which --- */

/* The layer whose output `layer` alone reads; -1: the input, or others read it. */
static int fold_before(const struct model *model, const struct layer *layer)
{
    int before = layer->input[0] - 1;
    return before >= 0 && model->layer[before]->readers == 1 ? before : -1;
}

/* The layer that can take over norm `l`, if the pools in between let it; -1: none. */
static int fold_find(const struct model *model, int l, bool *pools)
{
    const struct layer *layer = model->layer[l];
    *pools = false;
    if (!layer->ops->line)
        return -1;
    int before = fold_before(model, layer);
    while (before >= 0 && model->layer[before]->ops->rises) {
        *pools = true;
        before = fold_before(model, model->layer[before]);
    }
    return before >= 0 && model->layer[before]->ops->folds ? before : -1;
}

static bool fold_may_pass_pools(struct fold_build *build, int l)
{
    const struct layer *layer = build->model->layer[l];
    if (!build->params)
        return build->pools == FOLD_PASSES_POOLS;
    layer->ops->line(layer, build->params, build->factor, build->offset);
    for (int c = 0; c < layer->out.c; c++)
        if (!(build->factor[c] >= 0))
            return false;
    return true;
}

static void fold_choose(struct fold_build *build)
{
    const struct model *model = build->model;
    for (int l = 0; l < model->layers; l++)
        build->layer[l] = (struct fold_layer){
            .stays = !model->layer[l]->ops->same_in_use, .into = -1, .norm = -1};
    for (int l = 0; l < model->layers; l++) {
        bool pools;
        int into = fold_find(model, l, &pools);
        if (into < 0 || build->layer[into].norm >= 0 ||
            (pools && !fold_may_pass_pools(build, l)))
            continue;
        build->layer[l].into = into;
        build->layer[l].stays = false;
        build->layer[into].norm = l;
        build->fold->norms++;
    }
}

bool fold_helps(const struct model *model)
{
    bool pools;
    for (int l = 0; l < model->layers; l++)
        if (fold_find(model, l, &pools) >= 0)
            return true;
    return false;
}

/* --- the model --- */

/* The value of the folded model that stands for a value of the original. */
static int fold_value(const struct fold_build *build, int value)
{
    return value == 0 ? 0 : build->layer[value - 1].output;
}

static void fold_copy_layer(struct fold_build *build, int l)
{
    const struct layer *from = build->model->layer[l];
    struct model *model = &build->fold->model;
    struct fold_layer *plan = &build->layer[l];
    struct layer *layer = mem_zeroed(1, from->ops->bytes);
    memcpy(layer, from, from->ops->bytes);
    if (layer->ops->freeze_statistics)
        layer->ops->freeze_statistics(layer); /* its samples are apart in use */
    layer->readers = 0;
    for (int i = 0; i < layer->inputs; i++) {
        layer->input[i] = fold_value(build, from->input[i]);
        if (layer->input[i] > 0)
            model->layer[layer->input[i] - 1]->readers++;
    }
    if (plan->norm >= 0 && layer->tensors == 1)
        layer->tensor[layer->tensors++] =
            (struct layer_tensor){.name = "bias",
                                  .dims = 1,
                                  .dim = {layer->out.c},
                                  .count = (size_t)layer->out.c,
                                  .rule = RANGE_TRAIN};
    plan->copy = model->layers;
    layer->index = model->layer_before + model->layers;
    model->layer[model->layers++] = layer;
    plan->output = model->layers;
}

/* Where the original's values are; those between a layer and its norm are lost. */
static void fold_find_places(struct fold_build *build)
{
    const struct model *model = build->model;
    int *place = mem_zeroed((size_t)model->layers, sizeof *place);
    for (int l = 0; l < model->layers; l++) {
        place[l] = build->layer[l].output - 1;
        if (build->layer[l].into < 0)
            continue;
        int before = model->layer[l]->input[0] - 1;
        for (; before != build->layer[l].into;
             before = model->layer[before]->input[0] - 1)
            place[before] = -1;
        place[before] = -1;
    }
    build->fold->place = place;
}

/* The same value as the original's; 0 if it is not made here, because a norm behind it
   was folded into the part before. */
static void fold_find_feature(struct fold *fold, const struct model *from)
{
    struct model *model = &fold->model;
    if (from->feature == 0)
        return;
    const struct layer *last = model_op_last(from, from->feature - 1);
    int layer = fold->place[last->index - from->layer_before];
    for (int o = 0; layer >= 0 && o < model->ops; o++)
        if (model_op_last(model, o) == model->layer[layer] && model_divides(model, o + 1))
            model->feature = o + 1;
}

/* Offsets stay as they are if there is nothing to fold. */
static void fold_build_model(struct fold_build *build)
{
    const struct model *from = build->model;
    struct model *model = &build->fold->model;
    *model = (struct model){
        .in = from->in,
        .classes = from->classes,
        .multi_label = from->multi_label,
        .grain = from->grain,
        .policy = from->policy,
        .forward_only = true,
        .op_before = from->op_before,
        .layer_before = from->layer_before,
        .tensor_before = from->tensor_before,
        .unit_before = from->unit_before,
    };
    model->layer = mem_zeroed((size_t)from->layers, sizeof(struct layer *));
    for (int l = 0; l < from->layers; l++) {
        if (build->layer[l].stays)
            fold_copy_layer(build, l);
        else
            build->layer[l].output = fold_value(build, from->layer[l]->input[0]);
    }
    for (int l = 0; l < model->layers; l++)
        model_place_tensors(model, model->layer[l]);
    model_find_ops(model);
    fold_find_places(build);
    fold_find_feature(build->fold, from);
}

/* --- the weights --- */

/* Multiplies row k of tensor t, in the file's order, by factor[k]. */
static void fold_scale(const struct layer *layer, int t, const double *factor,
                       float *params)
{
    const struct layer_tensor *tensor = &layer->tensor[t];
    float *memory = params + tensor->offset, *file = memory;
    size_t row = tensor->count / (size_t)tensor->dim[0];
    if (layer->ops->to_file) {
        file = mem_aligned(tensor->count, sizeof *file);
        layer->ops->to_file(layer, t, memory, file);
    }
    for (size_t i = 0; i < tensor->count; i++)
        file[i] = (float)(factor[i / row] * (double)file[i]);
    if (layer->ops->from_file) {
        layer->ops->from_file(layer, t, file, memory);
        free(file);
    }
}

static void fold_weights(struct fold_build *build, int l)
{
    const struct fold_layer *plan = &build->layer[l];
    const struct layer *from = build->model->layer[l];
    const struct layer *to = build->fold->model.layer[plan->copy];
    float *params = build->fold->owned;
    for (int t = 0; t < from->tensors; t++)
        memcpy(params + to->tensor[t].offset, build->params + from->tensor[t].offset,
               from->tensor[t].count * sizeof *params);
    if (plan->norm < 0)
        return;
    const struct layer *norm = build->model->layer[plan->norm];
    float *bias = params + to->tensor[1].offset;
    norm->ops->line(norm, build->params, build->factor, build->offset);
    fold_scale(to, 0, build->factor, params);
    for (int c = 0; c < to->out.c; c++)
        bias[c] = (float)(build->factor[c] * (double)bias[c] + build->offset[c]);
}

static void fold_copy_weights(struct fold_build *build)
{
    build->fold->owned = mem_aligned(build->fold->model.params, sizeof(float));
    for (int l = 0; l < build->model->layers; l++)
        if (build->layer[l].stays)
            fold_weights(build, l);
    build->fold->params = build->fold->owned;
}

/* --- all of it --- */

static void fold_make(struct fold *fold, const struct model *model, const float *params,
                      enum fold_pools pools)
{
    size_t most = 0;
    for (int l = 0; l < model->layers; l++)
        most =
            (size_t)model->layer[l]->out.c > most ? (size_t)model->layer[l]->out.c : most;
    struct fold_build build = {
        .fold = fold,
        .model = model,
        .params = params,
        .pools = pools,
        .factor = mem_zeroed(most, sizeof(double)),
        .offset = mem_zeroed(most, sizeof(double)),
        .layer = mem_zeroed((size_t)model->layers, sizeof(struct fold_layer)),
    };
    *fold = (struct fold){.params = params};
    fold_choose(&build);
    fold_build_model(&build);
    fold->bytes = fold->norms > 0 ? fold->model.params * sizeof(float) : 0;
    if (params && fold->norms > 0)
        fold_copy_weights(&build);
    free(build.factor);
    free(build.offset);
    free(build.layer);
}

void fold_init(struct fold *fold, const struct model *model, const float *params)
{
    fold_make(fold, model, params, FOLD_STOPS_AT_POOLS);
}

void fold_describe(struct fold *fold, const struct model *model, enum fold_pools pools)
{
    fold_make(fold, model, NULL, pools);
    fold->bytes = fold_helps(model) ? fold->model.params * sizeof(float) : 0;
}

void fold_release(struct fold *fold)
{
    model_release(&fold->model);
    free(fold->owned);
    free(fold->place);
    *fold = (struct fold){0};
}
