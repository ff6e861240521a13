#include "app/run/run_config.h"

#include <stdlib.h>
#include <string.h>

#include "app/run/placement.h"
#include "base/fs.h"
#include "base/mem.h"
#include "comm/comm.h"

static void run_config_replace(char **text, const char *by)
{
    if (!by)
        return;
    free(*text);
    *text = mem_strdup(by);
}

/* For weights that others trained, on some hundred to some thousand pictures; the recipe
   of a network by name is for training from nothing. */
static const char *const run_config_recipe[] = {
    "train.epochs=10",         "train.batch=32",    "train.ema=0",
    "train.label_smoothing=0", "optim.kind=sgd",    "optim.lr=0.01",
    "optim.momentum=0.9",      "optim.nesterov=on", "optim.weight_decay=1e-5",
    "schedule.kind=cosine",    "schedule.warmup=0", "augment.flip=random",
    "augment.resized_crop=0.5"};
/* Four threads have grains of their own. But with statistics of the grain it has more. */
#define RUN_CONFIG_GRAIN         "train.grain=8"
#define RUN_CONFIG_GRAIN_TRAINED "train.grain=16"
/* If the head alone learns. Images as they are: it begins with features that are computed
   once (train/features.h), and augmented ones make it no better. */
static const char *const run_config_head_recipe[] = {"optim.lr=0.05", "augment.flip=off",
                                                     "augment.resized_crop=0"};

/* The last value of a key among the options; NULL: it has none. option: its own one. */
static const char *run_config_given(const struct run_config_request *request,
                                    const char *key, const char *option)
{
    size_t length = strlen(key);
    const char *given = option;
    for (int i = 0; !option && i < request->assignments; i++) {
        const char *text = request->assignment[i];
        const char *equals = strchr(text, '=');
        if (equals && strncmp(text, key, length) == 0 &&
            strspn(text + length, " \t=") > 0)
            given = equals + 1 + strspn(equals + 1, " \t");
    }
    return given;
}

static enum status run_config_set_all(struct config *config,
                                      const char *const *assignment, size_t count)
{
    for (size_t i = 0; i < count; i++)
        TRY(config_set(config, assignment[i]));
    return ST_OK;
}

static enum status run_config_set_recipe(struct config *config,
                                         const struct run_config_request *request)
{
    const char *weights =
        run_config_given(request, "finetune.pretrained", request->pretrained);
    const char *freeze = run_config_given(request, "finetune.freeze", request->freeze);
    const char *statistics = run_config_given(request, "finetune.statistics", NULL);
    bool trained = statistics && strcmp(statistics, "trained") == 0;
    if (!weights || !*weights)
        return ST_OK;
    TRY(run_config_set_all(config, run_config_recipe,
                           sizeof run_config_recipe / sizeof run_config_recipe[0]));
    TRY(config_set(config, trained ? RUN_CONFIG_GRAIN_TRAINED : RUN_CONFIG_GRAIN));
    if (!freeze || strcmp(freeze, "backbone") != 0)
        return ST_OK;
    return run_config_set_all(config, run_config_head_recipe,
                              sizeof run_config_head_recipe /
                                  sizeof run_config_head_recipe[0]);
}

/* What rank 0 tells the others of the file. */
struct run_config_file {
    uint64_t bytes;
    uint64_t named; /* it is none, but a network by name */
};

enum status run_config_read(struct config *config, struct comm *comm,
                            const struct run_config_request *request)
{
    char *text = NULL;
    size_t bytes = 0;
    enum status st = ST_OK;
    if (comm_rank(comm) == 0)
        st = config_load(request->path, &text, &bytes);
    TRY(comm_agree(comm, st));
    struct run_config_file file = {bytes, !fs_is_file(request->path)};
    comm_bcast(comm, &file, sizeof file, 0);
    if (comm_rank(comm) != 0)
        text = mem_zeroed(file.bytes + 1, 1);
    comm_bcast(comm, text, file.bytes, 0);
    st = config_parse(config, text, request->path);
    free(text);
    TRY(st);
    config_note_unused(config);
    TRY(config_set_image_size(config, request->image_size));
    if (file.named) {
        TRY(run_config_set_recipe(config, request));
        config_recipe_replaces(config);
    }
    for (int i = 0; i < request->assignments; i++)
        TRY(config_set(config, request->assignment[i]));
    config_note_recipe(config, request->path);
    run_config_replace(&config->data.file, request->data);
    run_config_replace(&config->finetune.pretrained, request->pretrained);
    run_config_replace(&config->model.freeze.until, request->freeze);
    config_settle(config);
    if (request->no_verify)
        config->data.verify = false;
    if (request->threads > 0)
        config->run.parallel.threads = (int)request->threads;
    if (request->elsewhere)
        return ST_OK;
    return placement_check_threads(comm, config->run.parallel.threads);
}
