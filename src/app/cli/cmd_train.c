#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/config/config.h"
#include "app/run/agree.h"
#include "app/run/deadline.h"
#include "app/run/memory.h"
#include "app/run/network.h"
#include "app/run/placement.h"
#include "app/run/stall.h"
#include "app/run/run_config.h"
#include "app/run/run_folder.h"
#include "app/run/stages.h"
#include "app/run/tracing.h"
#include "app/run/tuning.h"
#include "app/version.h"
#include "base/fs.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "data/dataset.h"
#include "kernels/cpu.h"
#include "train/trainer.h"

/* The command line. */
struct request {
    const char *config, *data, *run, *init, *max_time, *trace;
    bool resume, check;
    enum tuning_mode tune;
    long long threads, stall_timeout;
    struct cli_texts set;
    int argc;
    char **argv;
};

/* A run while it is set up and trained. */
struct session {
    struct comm *comm;
    const struct request *request;
    struct config config;
    char *text; /* of the config, as checkpoints store it */
    struct placement ranks;
    struct dataset dataset;
    struct model model; /* the whole network */
    struct stages stages;
    struct tuning tuning;
    struct trainer *trainer;
    struct run_folder folder;
    double begin, deadline; /* timer_now seconds; deadline 0: none */
    char init[FS_PATH];     /* the checkpoint that --init means */
};

static enum status parse_request(struct request *request, int argc, char **argv,
                                 bool *help)
{
    const char *tune = "cached";
    const struct cli_option options[] = {
        {"data", CLI_TEXT, &request->data, "FILE", "data set (instead of data.file)"},
        {"run", CLI_TEXT, &request->run, "DIR", "the run's folder (runs/CONFIG)"},
        {"resume", CLI_FLAG, &request->resume, NULL,
         "go on from the newest checkpoint in DIR, or start if there is none"},
        {"init", CLI_TEXT, &request->init, "CHECKPOINT", "start from its weights"},
        {"threads", CLI_INT, &request->threads, "T",
         "per rank (the rank's share of CPUs)"},
        {"max-time", CLI_TEXT, &request->max_time, "TIME",
         "stop in time, with a checkpoint: M, H:MM:SS, D-HH:MM:SS, or auto: the SLURM "
         "job's"},
        {"tune", CLI_TEXT, &tune, "off|cached|force",
         "how threads share the work: by rule, as measured before (or now, if never), "
         "or measured now; under mpirun write --tune=WORD, or it reads that too"},
        {"trace", CLI_TEXT, &request->trace, "FILE",
         "what every thread did when, as JSON for ui.perfetto.dev; of a long run, the "
         "beginning"},
        {"check", CLI_FLAG, &request->check, NULL,
         "say what would be trained, and touch nothing"},
        {"stall-timeout", CLI_INT, &request->stall_timeout, "SECONDS", STALL_HELP},
        {"set", CLI_TEXTS, &request->set, "SECTION.KEY=VALUE", "overrides the config"},
        {0},
    };
    const struct cli_command command = {
        "train", "CONFIG", 1, 1, "Train a network, on as many ranks as mpirun starts."};
    const char *operand[1];
    int count;
    TRY(cli_parse(&command, options, argc, argv, operand, &count));
    *help = count < 0;
    if (*help) {
        log_out("\nlayers:\n");
        for (int i = 0; layer_kinds[i]; i++)
            log_out("  %s\n", layer_kinds[i]->help);
        log_out("\nconfig keys, their defaults and ranges:\n");
        config_print_help();
        return ST_OK;
    }
    TRY(tuning_read_mode(tune, &request->tune));
    request->config = operand[0];
    request->argc = argc;
    request->argv = argv;
    if (request->run && !*request->run)
        FAIL(ST_USAGE, "'--run' needs the name of a folder");
    if (request->resume && request->init)
        FAIL(ST_USAGE, "--resume and --init exclude each other: a run that goes on has "
                       "weights already");
    return ST_OK;
}

static enum status read_config(struct session *session)
{
    const struct request *request = session->request;
    const struct run_config_request wanted = {
        .path = request->config,
        .data = request->data,
        .threads = request->threads,
        .set = &request->set,
    };
    TRY(run_config_read(&session->config, session->comm, &wanted));
    return config_check(&session->config, request->config);
}

/* Before the run's folder is made: can the run start from --init at all? */
static enum status check_init(struct session *session)
{
    bool averaged;
    if (!session->request->init)
        return ST_OK;
    TRY(network_find(session->init, session->request->init));
    enum status st =
        checkpoint_read_weights(session->init, &session->model, NULL, &averaged);
    if (st != ST_OK)
        network_tell_whole(session->request->init);
    return st;
}

/* What only rank 0 looks at; the last that may refuse the run. */
static enum status open_on_rank_0(struct session *session)
{
    const struct request *request = session->request;
    if (request->max_time)
        TRY(deadline_parse(request->max_time, session->begin, &session->deadline));
    TRY(check_init(session));
    if (request->trace && !request->check)
        TRY(tracing_check(request->trace));
    return request->check ? ST_OK : run_folder_open(&session->folder, request->resume);
}

/* What a network takes in memory not every host may have. */
static enum status describe_model(struct session *session)
{
    const struct dataset_info *data = &session->dataset.info;
    const struct shape in = {data->h, data->w, 1};
    const struct run_options *run = &session->config.run;
    struct agree agree;
    agree_begin(&agree);
    enum status st = (run->parallel.pipeline > 1 ? model_describe : model_init)(
        &session->model, &session->config.model, in, data->classes, run->train.grain);
    TRY(agree_end(&agree, session->comm, st));
    return stages_open(&session->stages, session->comm, &session->model, run,
                       session->request->check);
}

static enum status set_up(struct session *session)
{
    const struct request *request = session->request;
    const struct run_options *run = &session->config.run;
    const bool both[DATASET_SPLITS] = {true, true};
    log_set_replicated(true);
    TRY(read_config(session));
    session->text = config_text(&session->config);
    TRY(run_folder_init(&session->folder, request->run, request->config));
    size_t limit = (size_t)session->config.data.memory_mb << 20;
    log_set_replicated(false); /* another node may not see the file */
    TRY(dataset_open(&session->dataset, session->comm, session->config.data.file, both,
                     limit));
    const struct dataset_info *data = &session->dataset.info;
    log_set_replicated(true);
    if (data->count[DATASET_TRAIN] == 0)
        FAIL(ST_FAIL, "'%s' holds no training images", data->path);
    TRY(describe_model(session));
    placement_find(&session->ranks, session->comm, run->parallel.threads);
    int threads = placement_threads(&session->ranks, session->comm);
    struct trainer_setup setup = {
        .comm = session->comm,
        .dataset = &session->dataset,
        .model = &session->model,
        .stage = &session->stages.stage,
        .options = run,
        .spare_cpus = placement_spare_cpus(&session->ranks, session->comm),
        .folder = session->folder.path,
        .lock = &session->folder.lock,
        .config_text = session->text,
        .version = app_version(),
    };
    TRY(memory_check(&setup, threads));
    if (request->check)
        setup.folder = NULL;
    enum status st = comm_rank(session->comm) == 0 ? open_on_rank_0(session) : ST_OK;
    TRY(comm_agree(session->comm, st));
    log_set_replicated(false);
    placement_note(&session->ranks,
                   session->comm); /* the log has it, now that it is open */
    setup.deadline = session->deadline;
    TRY(tuning_choose(&setup, threads, request->check ? TUNING_OFF : request->tune,
                      &session->tuning));
    setup.plan = &session->tuning.plan;
    memory_note(session->comm, trainer_bytes(&setup));
    if (request->trace && !request->check)
        tracing_start(session->comm, setup.plan->threads);
    session->trainer = trainer_create(&setup);
    return ST_OK;
}

static void show_changed(const char *line)
{
    log_out(" %s", line);
}

static void print_plan(const struct session *session)
{
    const struct tuning *tuning = &session->tuning;
    const struct train_options *train = &session->config.run.train;
    int grains = (train->batch + train->grain - 1) / train->grain;
    int size = comm_size(session->stages.stage.peers), share = (grains + size - 1) / size;
    stages_print(&session->stages);
    log_out("%-10s %s (%s", "plan", plan_summary(&tuning->plan, share), tuning->source);
    if (tuning->result)
        log_out(" in %.1f s", tuning->seconds);
    log_out(")\n");
    if (plan_members(&tuning->plan, share) > 1) {
        char *text = plan_text(&tuning->plan, &session->model);
        log_out("%-10s %s\n", "", text);
        free(text);
    }
}

/* How ranks sum the gradient: that of a piece of the usual size. */
static void print_reduce(const struct session *session)
{
    const struct parallel_plan *plan = &session->tuning.plan;
    const struct train_options *train = &session->config.run.train;
    int grains = (train->batch + train->grain - 1) / train->grain;
    const struct stage *stage = &session->stages.stage;
    size_t params = stage->model->params;
    size_t piece = plan->bucket < params ? plan->bucket : params;
    const char *choice = comm_tree_choice(stage->peers, grains, piece);
    if (!choice)
        return;
    log_out("%-10s %s, in pieces of %zu KB", "reduce", choice,
            piece * sizeof(float) / 1024);
    if (strcmp(plan->reduce, "auto") != 0 && strcmp(plan->reduce, choice) != 0)
        log_out(" (%s does not apply)", plan->reduce);
    log_out("\n");
}

static void print_header(const struct session *session)
{
    const struct dataset_info *data = &session->dataset.info;
    char hash[17];
    hash_text(data->hash, hash);
    log_out("lockstep %s\n%-10s lockstep train", app_version(), "command");
    for (int i = 0; i < session->request->argc; i++)
        log_out(" %s", session->request->argv[i]);
    log_out("\n");
    placement_print(&session->ranks);
    log_out("%-10s %s, %s kernels\n", "cpu", cpu_model(), cpu_isa_name(cpu_isa()));
    log_out("%-10s %s, one thread per call; %s\n", "libraries", cpu_blas(),
            comm_version());
    log_out("%-10s %s: %zu train + %zu test images %dx%d, %d classes, %s, hash %s\n",
            "data", data->path, data->count[DATASET_TRAIN], data->count[DATASET_TEST],
            data->h, data->w, data->classes,
            dataset_resident(&session->dataset, DATASET_TRAIN) ? "in memory" : "on disk",
            hash);
    log_out("%-10s %s, changed from the defaults:", "config", session->request->config);
    config_show_changed(&session->config, show_changed);
    log_out("\n%-10s %s\n", "run", session->folder.path);
    print_plan(session);
    print_reduce(session);
    if (session->deadline > 0)
        log_out("%-10s stops, to go on later, before %.0f s have passed\n", "limit",
                session->deadline - session->begin);
    log_out("\n");
    model_print(&session->model);
    log_out("\n");
}

static void note_oddities(const struct session *session)
{
    const struct train_options *train = &session->config.run.train;
    int grains = (train->batch + train->grain - 1) / train->grain;
    int size = comm_size(session->stages.stage.peers);
    int stages = session->stages.stage.count;
    const char *who = stages > 1 ? "replica" : "rank";
    if (size > grains)
        log_note("%d %ss but only %d grain%s in a batch: %d %s%s without work; raise "
                 "train.batch or lower train.grain",
                 size, who, grains, grains > 1 ? "s" : "", size - grains, who,
                 size - grains > 1 ? "s" : "");
    else if (stages > 1 && grains / size < stages)
        log_note(
            "%d stages but only %d grain%s of a batch for each replica: stages wait "
            "for each other most of the time; raise train.batch or lower train.grain",
            stages, grains / size, grains / size > 1 ? "s" : "");
    int rows, columns, h = session->dataset.info.h, w = session->dataset.info.w;
    const struct input_options *input = &session->config.run.input;
    model_seen(&session->model, &rows, &columns);
    if ((rows < h || columns < w) && !input->shift_x && !input->shift_y)
        log_note(
            "the network sees only the first %d of %d rows and %d of %d columns: its "
            "pools and strides cut off the rest; centre what matters there with "
            "data.shift_x = %d and data.shift_y = %d, or pad",
            rows, h, columns, w, (columns - w) / 2, (rows - h) / 2);
    if (cpu_blas_advice())
        log_note("%s", cpu_blas_advice());
    if (session->dataset.info.count[DATASET_TEST] == 0)
        log_note("'%s' has no test images: no evaluation", session->dataset.info.path);
}

static enum status start(struct session *session)
{
    bool resumed = false;
    if (session->request->resume)
        TRY(run_folder_resume(&session->folder, session->comm, &session->config,
                              &session->dataset, session->trainer, &resumed));
    if (resumed)
        return ST_OK;
    if (session->folder.found)
        log_note("no usable checkpoint in '%s': starting from the beginning",
                 session->folder.path);
    if (session->request->init)
        return trainer_start_from(session->trainer, session->init);
    trainer_start(session->trainer);
    return ST_OK;
}

/* What no rank can hold is evaluated as it was trained. */
static void print_next(const struct session *session)
{
    const char *run = session->folder.path, *data = session->config.data.file;
    int stages = session->config.run.parallel.pipeline;
    log_out("run: %s (checkpoints/, metrics.h5, log.txt); next: ", run);
    if (stages > 1)
        log_out("mpirun -n %d lockstep eval %s --data %s --pipeline %d\n", stages, run,
                data, stages);
    else
        log_out("lockstep eval %s --data %s\n", run, data);
}

static enum status train(struct session *session)
{
    TRY(set_up(session));
    print_header(session);
    note_oddities(session);
    if (session->request->check) {
        log_out("checked: this can be trained; nothing was touched\n");
        return ST_OK;
    }
    TRY(start(session));
    enum status st = trainer_run(session->trainer);
    if (st == ST_OK)
        print_next(session);
    else if (st == ST_AGAIN)
        log_out("stopped %s; the same command with --resume goes on\n",
                trainer_time_is_up(session->trainer) ? "in time for --max-time"
                                                     : "on request");
    return st;
}

enum status cmd_train(struct comm *comm, int argc, char **argv)
{
    struct request request = {.stall_timeout = STALL_TIMEOUT};
    bool help;
    TRY(parse_request(&request, argc, argv, &help));
    if (help)
        return ST_OK;
    TRY(stall_watch(comm, request.stall_timeout));
    struct session session = {.comm = comm, .request = &request, .begin = timer_now()};
    config_init(&session.config);
    enum status st = train(&session);
    trainer_free(session.trainer); /* no thread but this one is left */
    char *part = session.stages.stage.count > 1 ? stages_text(&session.stages) : NULL;
    st = tracing_write(comm, request.trace, part, st);
    free(part);
    tuning_release(&session.tuning);
    stages_close(&session.stages);
    run_folder_close(&session.folder);
    model_release(&session.model);
    dataset_close(&session.dataset);
    placement_release(&session.ranks);
    config_release(&session.config);
    free(session.text);
    return st;
}
