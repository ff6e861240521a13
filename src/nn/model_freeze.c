/* model_freeze: the layers that stay as they are. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model_impl.h"
#include "spec_line.h"

/* Is it the layer of this name, or one of the block of this name? */
static bool freeze_is_of(const struct layer *layer, const char *name)
{
    size_t length = strlen(name);
    return strncmp(layer->name, name, length) == 0 &&
           (layer->name[length] == '\0' || layer->name[length] == '.');
}

static enum status freeze_unknown(const struct model *model, const char *name)
{
    const char **names = mem_zeroed((size_t)model->layers, sizeof *names);
    for (int l = 0; l < model->layers; l++)
        names[l] = model->layer[l]->name;
    const char *near = spec_nearest(name, names, model->layers);
    free(names);
    if (near)
        FAIL(ST_USAGE,
             "finetune.freeze: the network has no layer '%s'; did you mean '%s'?", name,
             near);
    FAIL(ST_USAGE,
         "finetune.freeze: the network has no layer '%s'; write none, backbone or a "
         "layer's name ('lockstep train --check' lists them)",
         name);
}

/* The last layer that is frozen; -1: none is. A layer or block may have the name of a
   word. */
static enum status freeze_find(const struct model *model, const char *until, int *last)
{
    *last = -1;
    for (int l = 0; until && l < model->layers; l++)
        if (freeze_is_of(model->layer[l], until))
            *last = l;
    if (*last >= 0 || !until || strcmp(until, "none") == 0)
        return ST_OK;
    if (strcmp(until, "backbone") != 0)
        return freeze_unknown(model, until);
    *last = model_head(model)->index - 1;
    return ST_OK;
}

static void freeze_statistics(struct layer *layer)
{
    if (layer->ops->freeze_statistics)
        layer->ops->freeze_statistics(layer);
}

static enum status freeze_fail_all(const struct model *model,
                                   const struct model_freeze *freeze)
{
    int head = model_head(model)->index;
    if (head == 0)
        FAIL(ST_USAGE, "finetune.freeze = %s freezes all layers", freeze->until);
    FAIL(ST_USAGE,
         "finetune.freeze = %s freezes all layers: the last one that can be frozen is "
         "'%s'",
         freeze->until, model->layer[head - 1]->name);
}

enum status model_freeze_layers(struct model *model, const struct model_freeze *freeze)
{
    int last;
    TRY(freeze_find(model, freeze->until, &last));
    for (int l = 0; l <= last; l++) {
        struct layer *layer = model->layer[l];
        freeze_statistics(layer);
        for (int t = 0; t < layer->tensors; t++)
            layer->tensor[t].rule = RANGE_FROZEN;
    }
    for (int l = 0; freeze->statistics && l < model->layers; l++)
        freeze_statistics(model->layer[l]);
    model->still = last >= 0;
    return last >= 0 && model_learning_count(model) == 0 ? freeze_fail_all(model, freeze)
                                                         : ST_OK;
}
