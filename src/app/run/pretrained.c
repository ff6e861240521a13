#include "app/run/pretrained.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "io/arrays.h"
#include "io/kind.h"
#include "kernels/vector.h"

/* --- the same layers --- */

/* The next layer with tensors from l on; model->layers: there is none. */
static int pretrained_next(const struct model *model, int l)
{
    while (l < model->layers && model->layer[l]->tensors == 0)
        l++;
    return l;
}

static bool pretrained_has(const struct model *model, const char *name)
{
    for (int l = pretrained_next(model, 0); l < model->layers;
         l = pretrained_next(model, l + 1))
        if (strcmp(model->layer[l]->name, name) == 0)
            return true;
    return false;
}

/* there, here: the first layers that differ; NULL: there is no other layer. */
static enum status pretrained_other(const struct pretrained *pretrained,
                                    const struct model *model, const struct layer *there,
                                    const struct layer *here)
{
    const char *path = pretrained->network.checkpoint;
    if (here && !pretrained_has(&pretrained->network.model, here->name))
        FAIL(ST_USAGE, "'%s' is of another network: it has no '%s'", path, here->name);
    if (there && !pretrained_has(model, there->name))
        FAIL(ST_USAGE, "'%s' is of another network: its '%s' has no place here", path,
             there->name);
    FAIL(ST_USAGE,
         "'%s' is of another network: its layers have another order from '%s' "
         "on",
         path, there ? there->name : here->name);
}

static bool pretrained_same_dims(const struct layer_tensor *a,
                                 const struct layer_tensor *b, int from)
{
    bool same = a->dims == b->dims;
    for (int d = from; same && d < a->dims; d++)
        same = a->dim[d] == b->dim[d];
    return same;
}

static char *pretrained_dims(const struct layer_tensor *tensor)
{
    char *text = mem_strdup("");
    for (int d = 0; d < tensor->dims; d++)
        mem_append(&text, "%s%d", d ? "x" : "", tensor->dim[d]);
    return text;
}

static enum status pretrained_other_tensor(const struct pretrained *pretrained,
                                           const struct layer *layer,
                                           const struct layer_tensor *there,
                                           const struct layer_tensor *here)
{
    char *old = pretrained_dims(there), *new = pretrained_dims(here);
    enum status st = status_fail(
        ST_USAGE, "'%s' is of another network: '%s.%s' is %s there and %s here",
        pretrained->network.checkpoint, layer->name, here->name, old, new);
    free(old);
    free(new);
    return st;
}

/* A head for other classes may differ in its number of rows, but in nothing else. */
static enum status pretrained_match_layer(struct pretrained *pretrained,
                                          const struct model *model,
                                          const struct layer *there,
                                          const struct layer *here)
{
    bool head =
        here == model_head(model) && there == model_head(&pretrained->network.model);
    if (there->tensors != here->tensors)
        FAIL(ST_USAGE,
             "'%s' is of another network: '%s' has %d tensors there and %d here",
             pretrained->network.checkpoint, here->name, there->tensors, here->tensors);
    for (int t = 0; t < here->tensors; t++) {
        const struct layer_tensor *old = &there->tensor[t], *new = &here->tensor[t];
        if (strcmp(old->name, new->name) != 0 ||
            !pretrained_same_dims(old, new, head ? 1 : 0))
            return pretrained_other_tensor(pretrained, here, old, new);
    }
    return ST_OK;
}

static enum status pretrained_match(struct pretrained *pretrained,
                                    const struct model *model)
{
    const struct model *from = &pretrained->network.model;
    int there = pretrained_next(from, 0), here = pretrained_next(model, 0);
    pretrained->layer = mem_zeroed((size_t)from->layers, sizeof *pretrained->layer);
    for (; there < from->layers && here < model->layers;
         there = pretrained_next(from, there + 1),
         here = pretrained_next(model, here + 1)) {
        const struct layer *old = from->layer[there], *new = model->layer[here];
        if (strcmp(old->name, new->name) != 0)
            return pretrained_other(pretrained, model, old, new);
        TRY(pretrained_match_layer(pretrained, model, old, new));
        pretrained->layer[there] = here;
        pretrained->tensors += new->tensors;
    }
    if (there < from->layers || here < model->layers)
        return pretrained_other(pretrained, model,
                                there < from->layers ? from->layer[there] : NULL,
                                here < model->layers ? model->layer[here] : NULL);
    return ST_OK;
}

/* --- the head --- */

/* A network that knows no names of its classes has numbers instead of them. */
static bool pretrained_same_classes(const struct checkpoint_info *info,
                                    const struct dataset_info *data)
{
    bool same = info->classes == data->classes;
    for (int c = 0; same && c < data->classes; c++)
        same = strcmp(info->class_name[c], data->class_name[c]) == 0;
    return same;
}

static void pretrained_choose_head(struct pretrained *pretrained,
                                   const struct model *model,
                                   const struct dataset_info *data)
{
    const struct layer *head = model_head(model);
    pretrained->head = -1;
    if (pretrained->network.model.multi_label == model->multi_label &&
        pretrained_same_classes(&pretrained->network.info, data))
        return;
    pretrained->head = head->index;
    pretrained->tensors -= head->tensors;
}

/* --- the weights --- */

struct pretrained_check {
    const struct model *model;
    const struct layer *layer; /* of the first tensor that is not finite; NULL: none */
    const struct layer_tensor *tensor;
};

static void pretrained_check_tensor(void *context, struct tensor_name name,
                                    const float *values)
{
    struct pretrained_check *check = context;
    const struct layer *layer = check->model->layer[name.layer];
    const struct layer_tensor *tensor = &layer->tensor[name.tensor];
    if (check->layer || vector_finite(values, tensor->count))
        return;
    check->layer = layer;
    check->tensor = tensor;
}

static enum status pretrained_check_weights(const struct pretrained *pretrained)
{
    const struct network *network = &pretrained->network;
    struct pretrained_check check = {.model = &network->model};
    const struct state_stream stream = {.context = &check,
                                        .take = pretrained_check_tensor};
    bool averaged;
    TRY(checkpoint_read_weights(network->checkpoint, &network->model, &stream,
                                &averaged));
    if (check.layer)
        FAIL(ST_USAGE, "'%s': '%s.%s' holds NaN or infinite values", network->checkpoint,
             check.layer->name, check.tensor->name);
    return ST_OK;
}

/* Weights of other programs become a checkpoint first. */
static enum status pretrained_check_kind(const char *path)
{
    struct kind kind;
    if (!fs_is_file(path))
        return ST_OK;
    TRY(kind_of_file(path, &kind));
    if (kind.class == KIND_PICKLE)
        return arrays_refuse_pickle(path);
    if (kind.class == KIND_SAFETENSORS || kind.class == KIND_NPZ)
        FAIL(ST_USAGE,
             "'%s' is %s: make a checkpoint of it first: lockstep weights import %s --as "
             "NETWORK --out W.h5",
             path, kind.words, path);
    return ST_OK;
}

static enum status pretrained_check_colour(const struct pretrained *pretrained,
                                           const struct model *model)
{
    const struct network *network = &pretrained->network;
    if (network->model.in.c == model->in.c)
        return ST_OK;
    FAIL(ST_USAGE,
         "'%s' is for %s images, and those of the data set are %s; import the pictures "
         "with --channels %d, or train on them with data.channels = %d",
         network->checkpoint, network->model.in.c == 1 ? "grey" : "RGB",
         model->in.c == 1 ? "grey" : "RGB", network->model.in.c, network->model.in.c);
}

enum status pretrained_open(struct pretrained *pretrained, const char *path,
                            const struct model *model, const struct dataset_info *data)
{
    *pretrained = (struct pretrained){0};
    TRY(pretrained_check_kind(path));
    enum status st = network_describe(&pretrained->network, path);
    if (st != ST_OK)
        return st;
    TRY_TO(out, pretrained_check_colour(pretrained, model));
    TRY_TO(out, pretrained_match(pretrained, model));
    pretrained_choose_head(pretrained, model, data);
    TRY_TO(out, pretrained_check_weights(pretrained));
    network_note_statistics(pretrained->network.checkpoint,
                            &pretrained->network.info.progress);
out:
    if (st == ST_FAIL)
        network_tell_whole(path);
    if (st != ST_OK)
        pretrained_close(pretrained);
    return st;
}

void pretrained_close(struct pretrained *pretrained)
{
    network_close(&pretrained->network);
    free(pretrained->layer);
    *pretrained = (struct pretrained){0};
}

struct weights_source pretrained_source(const struct pretrained *pretrained,
                                        uint64_t seed)
{
    return (struct weights_source){
        .checkpoint = pretrained->network.checkpoint,
        .model = &pretrained->network.model,
        .layer = pretrained->layer,
        .head = pretrained->head,
        .seed = seed,
    };
}

char *pretrained_text(const struct pretrained *pretrained, const struct model *model)
{
    char *text = mem_format("%d tensors of '%s'", pretrained->tensors,
                            pretrained->network.checkpoint);
    if (pretrained->head >= 0)
        mem_append(&text, ", %s new for %d classes", model->layer[pretrained->head]->name,
                   model->classes);
    return text;
}
