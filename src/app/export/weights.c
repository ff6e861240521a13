#include "app/export/weights.h"

#include <stdlib.h>
#include <string.h>

#include "app/run/weights_match.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/target.h"
#include "nn/layer_names.h"
#include "nn/named_network.h"

/* What a file says about itself. PyTorch's programs want "pt" in safetensors. */
#define WEIGHTS_FORMAT_KEY "format"
#define WEIGHTS_FORMAT_H5  "lockstep-weights"

const struct target_kind *export_weights_kind(enum arrays_output as)
{
    static const struct target_kind kinds[] = {
        [ARRAYS_SAFETENSORS] = {"a safetensors file", .by_words = true},
        [ARRAYS_HDF5] = {"a file of weights", .format = WEIGHTS_FORMAT_H5},
    };
    return &kinds[as];
}

/* --- names --- */

/* Has the table a name for every layer of the network? */
static bool export_covers(const struct layer_names *names, const struct model *model)
{
    for (int l = 0; l < model->layers; l++)
        if (model->layer[l]->tensors > 0 &&
            !layer_names_theirs(names, model->layer[l]->name))
            return false;
    return true;
}

/* The table of this source for a network with these layers. */
static enum status export_find_names(struct layer_names *names, const char *source,
                                     const struct model *model)
{
    const struct named_network *network;
    bool known = false;
    for (int n = 0; (network = named_network_at(n)) != NULL; n++)
        for (int i = 0; layer_names_read(names, network->name, i); i++) {
            bool is = strcmp(names->source, source) == 0;
            known = known || is;
            if (is && export_covers(names, model))
                return ST_OK;
            layer_names_release(names);
        }
    if (known)
        FAIL(ST_USAGE, "'--names %s': there is no table of its names for this network",
             source);
    FAIL(ST_USAGE,
         "'--names %s': expected lockstep (the network's own), timm or lukemelas",
         source);
}

/* --- the file --- */

struct export_session {
    const struct network *network;
    int tensors;
    struct array *array; /* owned, as are the names: (tensors) */
};

static void export_give(void *context, int i, float *values)
{
    const struct export_session *session = context;
    const struct network *network = session->network;
    const struct run_state state = {.params = network->params};
    const struct layer *layer;
    int number;
    weights_tensor(&network->model, i, &layer, &number);
    state_give(&network->model, &state, (struct tensor_name){0, layer->index, number},
               values);
}

/* names NULL: ours. */
static void export_describe(struct export_session *session,
                            const struct layer_names *names)
{
    const struct model *model = &session->network->model;
    session->tensors = weights_tensors(model);
    session->array = mem_zeroed((size_t)session->tensors, sizeof *session->array);
    for (int i = 0; i < session->tensors; i++) {
        const struct layer *layer;
        int number;
        const struct layer_tensor *tensor = weights_tensor(model, i, &layer, &number);
        const char *name = names ? layer_names_theirs(names, layer->name) : layer->name;
        struct array *array = &session->array[i];
        *array = (struct array){.name = mem_format("%s.%s", name, tensor->name),
                                .type = ARRAY_F32,
                                .dims = tensor->dims,
                                .count = tensor->count};
        for (int d = 0; d < tensor->dims; d++)
            array->dim[d] = (size_t)tensor->dim[d];
    }
}

static enum status export_write(const struct export_session *session,
                                const struct export_notes *notes, enum arrays_output as,
                                const char *out)
{
    struct array_note all[EXPORT_NOTES + 1] = {
        {WEIGHTS_FORMAT_KEY, as == ARRAYS_HDF5 ? WEIGHTS_FORMAT_H5 : "pt"}};
    memcpy(all + 1, notes->note, sizeof notes->note);
    const struct arrays_request arrays = {
        .as = as,
        .arrays = session->tensors,
        .array = session->array,
        .notes = notes->count + 1,
        .note = all,
        .give = export_give,
        .context = (void *)(uintptr_t)session,
    };
    return arrays_write(out, &arrays);
}

enum status export_weights(const struct network *network,
                           const struct export_notes *notes, const char *names,
                           enum arrays_output as, const char *out)
{
    struct export_session session = {.network = network};
    struct layer_names theirs = {.count = 0};
    bool own = !names || strcmp(names, "lockstep") == 0;
    if (!own)
        TRY(export_find_names(&theirs, names, &network->model));
    export_describe(&session, own ? NULL : &theirs);
    enum status st = export_write(&session, notes, as, out);
    if (st == ST_OK)
        log_out("%s: %d tensors of '%s'%s\n", out, session.tensors, network->checkpoint,
                network->averaged ? ", averaged weights" : "");
    for (int i = 0; i < session.tensors; i++)
        free((void *)(uintptr_t)session.array[i].name);
    free(session.array);
    layer_names_release(&theirs);
    return st;
}
