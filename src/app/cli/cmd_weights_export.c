/* lockstep weights export: the weights of a checkpoint for other programs. */
#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/run/network.h"
#include "app/run/output.h"
#include "app/run/weights_match.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd_weights.h"
#include "io/target.h"
#include "nn/layer_names.h"
#include "nn/named_network.h"

struct export_request {
    const char *from, *out, *names;
    bool force;
};

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

/* What another program needs to know to use them. */
static enum status export_write(const struct export_session *session,
                                const struct export_request *request)
{
    const struct checkpoint_info *info = &session->network->info;
    const struct shape *image = &info->shape, *in = &session->network->model.in;
    const struct input_crop *crop = &session->network->config.run.input.crop;
    char *size = mem_format("%dx%dx%d", image->h, image->w, image->c);
    char *input = mem_format("%dx%dx%d", in->h, in->w, in->c);
    char *shift = mem_format("%d,%d", crop->shift_x, crop->shift_y);
    char *mean = mem_strdup(""), *std = mem_strdup(""), *classes = mem_strdup("");
    for (int c = 0; c < info->shape.c; c++) {
        mem_append(&mean, "%s%.9g", c ? "," : "", 255 * info->mean[c]);
        mem_append(&std, "%s%.9g", c ? "," : "", 255 * info->std[c]);
    }
    for (int c = 0; c < info->classes; c++)
        mem_append(&classes, "%s%s", c ? "\n" : "", info->class_name[c]);
    const struct array_note notes[] = {{"format", "pt"},
                                       {"lockstep.image", size},
                                       {"lockstep.input", input},
                                       {"lockstep.shift", shift},
                                       {"lockstep.pixel_mean", mean},
                                       {"lockstep.pixel_std", std},
                                       {"lockstep.classes", classes},
                                       {"lockstep.multi_label", "yes"}};
    const int all = sizeof notes / sizeof notes[0];
    const struct arrays_request arrays = {
        .arrays = session->tensors,
        .array = session->array,
        .notes = session->network->model.multi_label ? all : all - 1,
        .note = notes,
        .give = export_give,
        .context = (void *)(uintptr_t)session,
    };
    enum status st = arrays_write(request->out, &arrays);
    free(size);
    free(input);
    free(shift);
    free(mean);
    free(std);
    free(classes);
    return st;
}

static enum status export_network(const struct network *network,
                                  const struct export_request *request)
{
    struct export_session session = {.network = network};
    struct layer_names names = {.count = 0};
    bool own = !request->names || strcmp(request->names, "lockstep") == 0;
    if (!own)
        TRY(export_find_names(&names, request->names, &network->model));
    export_describe(&session, own ? NULL : &names);
    enum status st = export_write(&session, request);
    if (st == ST_OK)
        log_out("%s: %d tensors of '%s'%s\n", request->out, session.tensors,
                network->checkpoint, network->averaged ? ", averaged weights" : "");
    for (int i = 0; i < session.tensors; i++)
        free((void *)(uintptr_t)session.array[i].name);
    free(session.array);
    layer_names_release(&names);
    return st;
}

enum status cmd_weights_export(int argc, char **argv)
{
    struct export_request request = {0};
    const struct cli_option options[] = {
        {"out", CLI_TEXT, &request.out, "FILE", "the safetensors file to write"},
        {"names", CLI_TEXT, &request.names, "lockstep|timm|lukemelas",
         "whose names the tensors get, default lockstep: the network's own, which are "
         "torchvision's where that has it"},
        {"force", CLI_FLAG, &request.force, NULL, "replace FILE if it exists"},
        {0},
    };
    const struct cli_command command = {"weights export", "RUN", 1, 1,
                                        "Write the weights of a checkpoint, or of a "
                                        "run's best one, as safetensors, with\n"
                                        "PyTorch's shapes."};
    struct network network;
    int count;
    TRY(cli_parse(&command, options, argc, argv, &request.from, &count));
    if (count < 0)
        return ST_OK;
    const char *const inputs[] = {request.from};
    static const struct target_kind kind = {"a safetensors file", .by_words = true};
    TRY(output_check(request.out, request.force, &kind, inputs, 1));
    TRY(network_open(&network, request.from));
    enum status st = export_network(&network, &request);
    network_close(&network);
    return st;
}
