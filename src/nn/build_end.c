/* build: what a whole network must be. */
#include "build.h"

static bool build_is_end(const struct layer *layer)
{
    return layer->ops == &layer_logsoftmax || layer->ops == &layer_logsigmoid;
}

/* Every output but the last layer's is somebody's input. */
static enum status build_check_readers(const struct build *build)
{
    const struct model *model = build->model;
    const struct layer *last = model->layer[model->layers - 1];
    for (int l = 0; l < model->layers - 1; l++) {
        const struct layer *layer = model->layer[l];
        if (layer->readers > 0)
            continue;
        if (build_is_end(layer))
            FAIL(ST_USAGE,
                 "%s: the network has two ends, '%s' here and '%s' at %s; remove one of "
                 "them",
                 build->where[l], layer->name, last->name,
                 build->where[model->layers - 1]);
        FAIL(ST_USAGE,
             "%s: %s: no layer uses its output: name it by from=%s, or remove the layer",
             build->where[l], layer->name, layer->name);
    }
    return ST_OK;
}

/* Its gradient is that of the loss: no layer may stand in between. */
static enum status build_check_sigmoids(const struct build *build)
{
    const struct model *model = build->model;
    for (int l = 0; l < model->layers - 1; l++)
        if (model->layer[l]->ops == &layer_logsigmoid)
            FAIL(ST_USAGE, "%s: %s: 'logsigmoid' can only be the last layer",
                 build->where[l], model->layer[l]->name);
    return ST_OK;
}

enum status build_check_end(const struct build *build)
{
    const struct model *model = build->model;
    const struct layer *last = model->layer[model->layers - 1];
    const char *where = build->where[model->layers - 1];
    if (!build_is_end(last))
        FAIL(ST_USAGE,
             "%s: %s: the last layer must be 'logsoftmax', or 'logsigmoid' for images "
             "with several classes",
             where, last->name);
    if (last->out.c != model->classes)
        FAIL(ST_USAGE,
             "%s: %s: the network has %d outputs, the data %d classes: write "
             "'linear classes'",
             where, last->name, last->out.c, model->classes);
    if (model->params == 0)
        FAIL(ST_USAGE, "%s: the network has nothing to learn: add 'linear classes'",
             where);
    TRY(build_check_readers(build));
    return build_check_sigmoids(build);
}
