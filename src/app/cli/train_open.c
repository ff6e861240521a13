/* train_open: how a training is set up.
 *
 * It is set up in phases, each of which may refuse it. Their order follows from what they
 * need:
 *
 *   config      every rank reads the same text
 *   data        the file that the config names
 *   network     input size and classes come from the data
 *   weights     those to begin with must be of this network
 *   placement   threads; whether the network fits into memory depends on them
 *   folder      the last phase that may refuse: until then nothing was written
 *   trainer     the plan is measured with the log open, which gets its notes
 *
 * Up to the folder all ranks do the same work on the same input, so rank 0 alone reports
 * failures (log_set_replicated); from the trainer on each rank reports its own.
 */
#include <stdlib.h>

#include "app/config/config_parameters.h"
#include "app/run/agree.h"
#include "app/run/data_source.h"
#include "app/run/deadline.h"
#include "app/run/label_kind.h"
#include "app/run/memory.h"
#include "app/run/run_config.h"
#include "app/run/run_files.h"
#include "app/run/tracing.h"
#include "app/version.h"
#include "base/fs.h"
#include "base/log.h"
#include "comm/comm.h"
#include "data/import.h"
#include "io/target.h"
#include "train_session.h"

static enum status train_open_config(struct train_session *session)
{
    const struct train_request *request = session->request;
    const struct run_config_request wanted = {
        .path = request->config,
        .data = request->data,
        .image_size = request->image_size,
        .pretrained = request->pretrained,
        .freeze = request->freeze,
        .threads = request->threads,
        .no_verify = request->no_verify,
        .assignment = request->set.text,
        .assignments = request->set.count,
        .elsewhere = request->elsewhere,
    };
    TRY(run_config_read(&session->config, session->comm, &wanted));
    TRY(config_check(&session->config, request->config));
    if (request->init && *session->config.finetune.pretrained)
        FAIL(ST_USAGE,
             "--pretrained and --init exclude each other: both say which "
             "weights to begin with%s",
             request->pretrained ? "" : " (finetune.pretrained is --pretrained)");
    if (request->trial)
        session->config.run.features.keep = false; /* few steps do not pay for them */
    return run_folder_init(&session->folder, session->comm, request->run, request->config,
                           request->resume);
}

/* A folder of pictures is imported; data.file and the checkpoints keep its name. */
static enum status train_find_data(struct train_session *session, char **file)
{
    const struct data_options *options = &session->config.data;
    const struct import_options import = data_source_training_options(options);
    bool has[DATASET_SPLITS];
    return data_source_open(session->comm, options->file, &import, file, has);
}

/* The next import would take the run for a class. */
static enum status train_check_apart(const struct train_session *session)
{
    const char *data = session->config.data.file, *run = session->folder.path;
    if (!session->request->trial && comm_rank(session->comm) == 0 && fs_is_folder(data) &&
        fs_is_below(run, data))
        FAIL(ST_USAGE,
             "the folder of the run, '%s', is in that of the pictures, '%s'; choose "
             "another --run",
             run, data);
    return ST_OK;
}

static enum status train_check_labels(const struct train_session *session)
{
    const struct dataset *dataset = &session->dataset;
    const struct dataset_info *data = &dataset->info;
    if (!dataset_is_uniform(dataset, DATASET_TRAIN))
        return ST_OK;
    if (data->multi_label)
        FAIL(ST_FAIL,
             "all training images of '%s' have the same classes: there is nothing to "
             "tell apart",
             data->path);
    FAIL(ST_FAIL,
         "all training images of '%s' are of class '%s': there is nothing to tell "
         "apart",
         data->path, data->class_name[dataset_label(dataset, DATASET_TRAIN, 0)]);
}

/* Each rank reports its own failure: another node may not see the file. */
static enum status train_open_data(struct train_session *session)
{
    const struct data_options *options = &session->config.data;
    char *file;
    TRY(comm_agree(session->comm, train_check_apart(session)));
    TRY(train_find_data(session, &file));
    bool replicated = log_set_replicated(false);
    /* elsewhere: it is not read into the memory of this machine */
    const struct dataset_use use = {.memory_limit = (size_t)options->memory_mb << 20,
                                    .on_disk = session->request->elsewhere,
                                    .trusted = !options->verify,
                                    .weights = session->config.run.train.sample_weights};
    enum status st = dataset_open_training(&session->dataset, session->comm, file, &use);
    log_set_replicated(replicated);
    free(file);
    TRY(st);
    const struct dataset_info *data = &session->dataset.info;
    if (data->count[DATASET_TRAIN] == 0)
        FAIL(ST_FAIL, "'%s' holds no training images", data->path);
    return train_check_labels(session);
}

/* Some hosts may lack the memory for the network; a pipeline needs its description
   only. */
static enum status train_open_network(struct train_session *session)
{
    const struct dataset_info *data = &session->dataset.info;
    struct shape in;
    const struct run_options *run = &session->config.run;
    struct agree agree;
    TRY(label_kind_apply(&session->config, session->request->config, data));
    TRY(input_crop_of_dataset(&run->input.crop, data, &in));
    agree_begin(&agree);
    enum status st = (run->parallel.pipeline > 1 ? model_describe : model_init)(
        &session->model, &session->config.model, in, data->classes, run->train.grain);
    if (st == ST_OK)
        st = param_groups_check(&run->optim.groups, &session->model);
    TRY(agree_end(&agree, session->comm, st));
    return stages_open(&session->stages, session->comm, &session->model, run,
                       session->request->elsewhere ? STAGES_CHECK_ELSEWHERE
                       : session->request->check   ? STAGES_CHECK
                                                   : STAGES_TRAIN);
}

static enum status train_place(struct train_session *session)
{
    struct comm *comm = session->comm;
    const struct run_options *run = &session->config.run;
    placement_find(&session->placement, comm, run->parallel.threads);
    placement_promise_memory(&session->placement, comm);
    session->parameter = config_parameters(&session->config, &session->parameters);
    session->setup = (struct trainer_setup){
        .comm = comm,
        .dataset = &session->dataset,
        .model = &session->model,
        .stage = &session->stages.stage,
        .options = run,
        .spare_cpus = placement_spare_cpus(&session->placement, comm),
        .folder = session->folder.path,
        .lock = &session->folder.lock,
        .class_weight = session->class_weight,
        .features_text = session->features_text,
        .config_text = session->config_text,
        .parameter = session->parameter,
        .parameters = session->parameters,
        .json = session->request->json,
        .began = session->begin,
        .version = app_version(),
    };
    return memory_check(&session->setup, placement_threads(&session->placement, comm));
}

/* For features; told before the run's folder is made. */
static enum status train_open_cache(const struct train_session *session)
{
    const char *folder = session->config.run.features.folder;
    return *folder && fs_make_folder(folder) != ST_OK ? ST_USAGE : ST_OK;
}

/* A run that goes on appends to its lines; a new one has a file of its own. */
static enum status train_check_mlperf(const struct train_session *session,
                                      const char *const *input, int inputs)
{
    static const struct target_kind lines = {"a log of MLPerf", .head = MLPERF_HEAD};
    const struct train_request *request = session->request;
    const char *path = session->config.run.log.mlperf;
    if (!*path)
        return ST_OK;
    if (run_files_has(session->folder.path, path) ||
        (request->trace && fs_is_same_path(request->trace, path)))
        FAIL(ST_USAGE, "log.mlperf cannot be '%s': the run writes that itself", path);
    TRY(target_check(path, &lines, input, inputs));
    if (fs_bytes(path) > 0 && !(request->resume && run_folder_has_run(&session->folder)))
        FAIL(ST_USAGE,
             "'%s' has the lines of another run; choose another file for log.mlperf",
             path);
    return ST_OK;
}

static enum status train_open_folder_on_rank_0(struct train_session *session)
{
    const struct train_request *request = session->request;
    if (request->max_time)
        TRY(deadline_parse(request->max_time, session->begin, &session->deadline));
    if (request->check || request->trial)
        return ST_OK;
    bool own = run_files_is_config(session->folder.path, request->config);
    const char *const inputs[] = {
        own ? NULL : request->config, session->dataset.info.path,
        session->config.data.file,
        session->begins_with ? session->pretrained.network.checkpoint : NULL};
    if (request->trace)
        TRY(tracing_check(request->trace, inputs, 4));
    if (request->trace && run_files_has(session->folder.path, request->trace))
        FAIL(ST_USAGE, "the trace cannot be '%s': the run writes that itself",
             request->trace);
    TRY(train_check_mlperf(session, inputs, 4));
    TRY(train_open_cache(session));
    return run_folder_open(&session->folder, request->resume, inputs, 4);
}

/* Only rank 0 looks at the run's folder, the clock and the files to be written. */
static enum status train_open_folder(struct train_session *session)
{
    enum status st = ST_OK;
    if (comm_rank(session->comm) == 0)
        st = train_open_folder_on_rank_0(session);
    session->goes_on =
        session->folder.found || (session->request->check && session->request->resume);
    TRY(comm_agree(session->comm, st));
    comm_bcast(session->comm, session->folder.path, sizeof session->folder.path, 0);
    return ST_OK;
}

static enum status train_open_trainer(struct train_session *session)
{
    const struct train_request *request = session->request;
    struct trainer_setup *setup = &session->setup;
    if (!request->elsewhere)
        placement_note(&session->placement, session->comm, &session->config.model.policy);
    bool writes = !request->check && !request->trial;
    if (!writes)
        setup->folder = NULL;
    setup->deadline = session->deadline;
    TRY(tuning_choose(setup, placement_threads(&session->placement, session->comm),
                      writes ? request->tune : TUNING_OFF, &session->tuning));
    setup->plan = &session->tuning.plan;
    if (request->elsewhere)
        return ST_OK;
    memory_note(session->comm, trainer_bytes(setup));
    if (request->trace && writes)
        tracing_start(session->comm, setup->plan->threads);
    session->trainer = trainer_create(setup);
    return ST_OK;
}

enum status train_set_up(struct train_session *session)
{
    TRY(train_open_config(session));
    TRY(train_open_data(session));
    TRY(train_open_network(session));
    TRY(train_open_weights(session));
    TRY(train_place(session));
    TRY(train_open_folder(session));
    log_set_replicated(false);
    return train_open_trainer(session);
}

enum status train_start_new(struct train_session *session)
{
    return session->begins_with ? train_start_weights(session)
                                : trainer_start_with_data(session->trainer);
}

void train_close(struct train_session *session)
{
    tuning_release(&session->tuning);
    stages_close(&session->stages);
    run_folder_close(&session->folder);
    train_close_weights(session);
    model_release(&session->model);
    dataset_close(&session->dataset);
    placement_release(&session->placement);
    config_release(&session->config);
    free(session->config_text);
    free(session->features_text);
    config_parameters_free(session->parameter, session->parameters);
}
