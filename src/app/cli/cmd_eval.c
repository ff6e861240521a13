#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/run/data_source.h"
#include "app/run/memory.h"
#include "app/run/network.h"
#include "app/run/placement.h"
#include "app/run/stages.h"
#include "app/run/stall.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timer.h"
#include "comm/comm.h"
#include "data/dataset.h"
#include "eval_answers.h"
#include "kernels/cpu.h"
#include "output.h"
#include "train/evaluate.h"
#include "train/folded_crew.h"
#include "train/report.h"
#include "train/weights.h"

struct eval_request {
    const char *checkpoint, *data, *split, *out, *views, *tta;
    double threshold; /* negative: the config's */
    bool force, no_verify;
    long long threads, stages, stall_timeout;
};

struct eval_session {
    struct comm *comm;
    const struct eval_request *request;
    enum dataset_split split;
    int views; /* enum view_set; -1: the config's */
    struct network network;
    struct dataset dataset;
    struct placement placement;
    struct stages stages;
    struct folded_crew folded;
    struct loader_match match;
    struct loader loader;
    struct evaluation result;
    struct evaluation_rows rows;
};

/* By all ranks, rank 0 first: if it cannot read the file, it alone reports that; another
   node that cannot see the file reports it itself. */
static enum status eval_open_network(struct eval_session *session)
{
    struct comm *comm = session->comm;
    const char *path = session->request->checkpoint;
    enum status st = ST_OK;
    if (comm_rank(comm) == 0)
        st = network_describe(&session->network, path);
    if (comm_rank(comm) == 0 && st == ST_OK)
        st =
            network_check_threshold(&session->network, path, session->request->threshold);
    TRY(comm_agree(comm, st));
    if (comm_rank(comm) != 0)
        st = network_describe(&session->network, path);
    return comm_agree(comm, st);
}

/* Every rank gets the weights of its stage. */
static enum status eval_read_weights(struct eval_session *session)
{
    struct network *network = &session->network;
    const struct stage *stage = &session->stages.stage;
    network->params = mem_aligned(stage->model->params, sizeof(float));
    enum status st = weights_read(session->comm, stage, network->checkpoint,
                                  network->params, &network->averaged);
    if (st != ST_OK && comm_rank(session->comm) == 0)
        network_tell_whole(session->request->checkpoint);
    return st;
}

/* All stages of a pipeline get the same number of lanes. */
static void eval_choose_plan(struct eval_session *session, struct parallel_plan *plan)
{
    int threads = placement_threads(&session->placement, session->comm);
    double negated[] = {-threads};
    plan_init(plan, threads);
    if (session->stages.stage.count == 1)
        return;
    comm_max_f64(session->comm, negated, 1);
    plan->lanes = (int)-negated[0];
}

static int eval_views(const struct eval_session *session)
{
    return session->views < 0 ? session->network.config.run.eval.views : session->views;
}

static double eval_threshold(const struct eval_session *session)
{
    double given = session->request->threshold;
    return given < 0 ? session->network.config.run.eval.threshold : given;
}

/* With --out rank 0 gathers the rows of all ranks; the only rank has them already. */
static size_t eval_bytes(const struct eval_session *session,
                         const struct parallel_plan *plan)
{
    const struct stage *stage = &session->stages.stage;
    uint64_t samples = session->dataset.info.count[session->split];
    size_t bytes = evaluation_bytes(stage, plan, samples) +
                   evaluation_views_bytes(stage->whole, plan->lanes, eval_views(session));
    if (!session->request->out)
        return bytes;
    if (!stage->whole->multi_label) /* has them in any case */
        bytes += evaluation_rows_bytes(stage, samples);
    if (comm_rank(session->comm) == 0)
        bytes += eval_write_bytes(stage->whole, samples);
    if (comm_rank(session->comm) == 0 && comm_size(session->comm) > 1)
        bytes += samples * (size_t)stage->whole->classes * sizeof(float);
    return bytes;
}

static enum status eval_share_network(struct eval_session *session)
{
    struct comm *comm = session->comm;
    const struct stage *stage = &session->stages.stage;
    struct parallel_plan plan;
    eval_choose_plan(session, &plan);
    size_t bytes = eval_bytes(session, &plan);
    TRY(memory_check_evaluation(comm, stage, plan.lanes, bytes));
    memory_note(comm, bytes);
    TRY(eval_read_weights(session));
    folded_crew_init(&session->folded, stage, &plan, session->network.params, 0);
    return ST_OK;
}

/* A folder or list of pictures is treated as those of the training were. One that is not
   divided is measured as a whole: its pictures are all in train. */
static enum status eval_find_data(struct eval_session *session, char **file)
{
    const struct checkpoint_info *info = &session->network.info;
    const char *path = session->request->data;
    struct import_options import = data_source_options();
    bool has[DATASET_SPLITS];
    import.h = info->shape.h;
    import.w = info->shape.w;
    import.channels = info->shape.c;
    import.class_name = info->class_name;
    import.classes = info->classes;
    import.allow_empty = true;
    import.share[DATASET_TEST] = 0;
    if (!treatment_parse(&import.treatment, info->treatment))
        FAIL(ST_FAIL, "'%s' says nothing that can be understood about its pictures",
             session->network.checkpoint);
    import.invert = IMPORT_INVERT_RECORDED;
    import.label =
        session->network.model.multi_label ? IMPORT_LABEL_SETS : IMPORT_LABEL_AUTO;
    TRY(data_source_open(session->comm, path, &import, file, has));
    if (!has[DATASET_TRAIN] && !has[DATASET_VAL] && !has[DATASET_TEST]) {
        log_note("'%s' is not divided into train and test: all its pictures are measured",
                 path);
        session->split = DATASET_TRAIN;
    }
    return ST_OK;
}

/* The checkpoint and the data set; each rank reports a file that it cannot read. */
static enum status eval_open_files(struct eval_session *session)
{
    const struct dataset_use use = {.trusted = session->request->no_verify};
    bool want[DATASET_SPLITS] = {false};
    char *file = NULL;
    bool replicated = log_set_replicated(false);
    enum status st = eval_open_network(session);
    if (st == ST_OK)
        st = eval_find_data(session, &file);
    want[session->split] = true;
    if (st == ST_OK)
        st = dataset_open(&session->dataset, session->comm, file, want, &use);
    log_set_replicated(replicated);
    free(file);
    return st;
}

/* The network is read from a file of the run. */
static enum status eval_check_out(const struct eval_request *request)
{
    char checkpoint[FS_PATH];
    TRY(network_find(checkpoint, request->checkpoint));
    const char *const inputs[] = {checkpoint, request->data};
    return output_check(request->out, request->force, &eval_predictions, inputs, 2);
}

static enum status eval_set_up(struct eval_session *session)
{
    const struct eval_request *request = session->request;
    struct comm *comm = session->comm;
    enum status st = ST_OK;
    if (request->out && comm_rank(comm) == 0)
        st = eval_check_out(request);
    TRY(comm_agree(comm, st));
    TRY(eval_open_files(session));
    TRY(network_match(&session->network, request->checkpoint, &session->dataset,
                      session->split, &session->match));
    TRY(stages_open_trained(&session->stages, comm, &session->network.model,
                            &session->network.config.run.parallel, (int)request->stages));
    log_set_replicated(false);
    placement_init(&session->placement, comm, (int)request->threads);
    TRY(eval_share_network(session));
    loader_init(&session->loader, &session->dataset, session->split);
    session->loader.input = network_input(&session->network);
    session->loader.match = &session->match;
    if (comm_rank(comm) == 0)
        network_note_match(&session->network, request->checkpoint, &session->dataset,
                           session->split);
    return ST_OK;
}

static enum status eval_write(const struct eval_session *session, const float *logprobs)
{
    const struct eval_answers answers = {
        .checkpoint = session->request->checkpoint,
        .data = session->request->data,
        .network = &session->network,
        .loader = &session->loader,
        .count = session->dataset.info.count[session->split],
        .threshold = eval_threshold(session),
    };
    return eval_write_answers(&answers, session->request->out, logprobs);
}

/* Sends all rows to rank 0, which writes them. */
static enum status eval_gather_predictions(struct eval_session *session)
{
    struct comm *comm = session->comm;
    if (comm_size(comm) == 1)
        return eval_write(session, session->rows.logprobs);
    size_t row = (size_t)session->network.info.classes * sizeof(float);
    size_t mine = session->rows.count * row;
    size_t *bytes = mem_zeroed((size_t)comm_size(comm), sizeof *bytes);
    float *all = NULL;
    comm_allgather(comm, &mine, bytes, sizeof mine);
    if (comm_rank(comm) == 0)
        all = mem_zeroed(session->dataset.info.count[session->split], row);
    comm_gather(comm, session->rows.logprobs, mine, all, bytes);
    enum status st = comm_rank(comm) == 0 ? eval_write(session, all) : ST_OK;
    free(all);
    free(bytes);
    return comm_agree(comm, st);
}

static enum status eval_run(struct eval_session *session)
{
    TRY(eval_set_up(session));
    const struct network *network = &session->network;
    double begin = timer_now();
    const struct evaluate_setup setup = {.comm = session->comm,
                                         .crew = &session->folded.crew,
                                         .loader = &session->loader,
                                         .params = session->folded.fold.params,
                                         .views = eval_views(session),
                                         .threshold = eval_threshold(session),
                                         .latest = INFINITY};
    TRY(evaluate(&setup, &session->result,
                 session->request->out ? &session->rows : NULL));
    const struct evaluation *result = &session->result;
    double seconds = timer_now() - begin;
    placement_print(&session->placement);
    stages_print(&session->stages);
    log_out("%-10s %s, step %llu%s\n", "checkpoint", session->request->checkpoint,
            (unsigned long long)network->info.progress.step,
            network->averaged ? ", averaged weights" : "");
    network_note_statistics(network->checkpoint, &network->info.progress);
    log_out("%-10s %s, %llu %s images\n", "data", session->request->data,
            (unsigned long long)result->count, dataset_split_name[session->split]);
    if (eval_views(session) != VIEW_SET_NONE)
        log_out("%-10s %s\n", "views", view_set_words[eval_views(session)]);
    log_out("accuracy %.2f %% (%llu of %llu) loss %.4f in %.2f s, %.0f images/s\n",
            100 * (double)result->correct / (double)result->count,
            (unsigned long long)result->correct, (unsigned long long)result->count,
            result->loss, seconds, (double)result->count / seconds);
    eval_print_sets(network, result, eval_threshold(session));
    report_confusions(network->info.class_name, &result->confusion);
    if (session->request->out) {
        TRY(eval_gather_predictions(session));
        log_out("predictions: %s\n", session->request->out);
    }
    return ST_OK;
}

static enum status eval_read_views(struct eval_session *session,
                                   const struct eval_request *request)
{
    static const char *const words[] = {
        [VIEW_SET_NONE] = "none",
        [VIEW_SET_MIRROR] = "flip",
        [VIEW_SET_MIRROR_SHIFT] = "multi",
        [VIEW_SET_MIRROR_SHIFT + 1] = NULL,
    };
    if (request->views && request->tta)
        FAIL(ST_USAGE, "'--views' and '--tta' say the same: give one of them");
    if (request->tta)
        return cli_read_word("tta", request->tta, words, &session->views);
    return cli_read_word("views", request->views, view_set_words, &session->views);
}

static enum status eval_parse(struct eval_session *session, struct eval_request *request,
                              int argc, char **argv, bool *help)
{
    const struct cli_option options[] = {
        {"data", CLI_TEXT, &request->data, "PATH",
         "data set, or a folder or list of pictures (required)"},
        {"split", CLI_TEXT, &request->split, "NAME", "train, val or test, default test"},
        {"views", CLI_TEXT, &request->views, "WORD", CLI_VIEWS_HELP},
        {"tta", CLI_TEXT, &request->tta, "WORD",
         "test-time augmentation, by other words: flip is --views mirror, multi is "
         "--views "
         "mirror+shift"},
        {"threshold", CLI_REAL, &request->threshold, "P", CLI_THRESHOLD_HELP},
        {"out", CLI_TEXT, &request->out, "FILE",
         "write /logprobs, /predicted and /labels to FILE (HDF5); of images with several "
         "classes /probabilities, /predicted and /labels"},
        {"force", CLI_FLAG, &request->force, NULL, "replace FILE if it exists"},
        {"no-verify", CLI_FLAG, &request->no_verify, NULL, CLI_NO_VERIFY_HELP},
        {"threads", CLI_INT, &request->threads, "T",
         "threads per rank, default the rank's share of the CPUs"},
        {"pipeline", CLI_INT, &request->stages, "P",
         "number of stages: ranks that share the layers, for a network too large for one "
         "process; default 1. P named stages of the training are used again, otherwise "
         "the layers are cut so that the largest stage is as small as possible"},
        {"stall-timeout", CLI_INT, &request->stall_timeout, "SECONDS", STALL_HELP},
        {0},
    };
    const struct cli_command command = {"eval", "CHECKPOINT", 1, 1,
                                        "Measure a checkpoint, or the best one of a run, "
                                        "on a data set; also under mpirun."};
    int count;
    TRY(cli_parse(&command, options, argc, argv, &request->checkpoint, &count));
    *help = count < 0;
    if (*help)
        return ST_OK;
    if (!request->data)
        FAIL(ST_USAGE, "no data set: give --data FILE");
    if (request->stages < 1)
        FAIL(ST_USAGE, "'--pipeline %lld': expected a whole number from 1",
             request->stages);
    TRY(placement_check_threads(session->comm, request->threads));
    TRY(cli_check_threshold(request->threshold));
    TRY(eval_read_views(session, request));
    return dataset_split_named(request->split, "split", &session->split);
}

enum status cmd_eval(struct comm *comm, int argc, char **argv)
{
    struct eval_request request = {
        .split = "test", .threshold = -1, .stages = 1, .stall_timeout = STALL_TIMEOUT};
    struct eval_session session = {.comm = comm, .request = &request, .views = -1};
    bool help;
    TRY(eval_parse(&session, &request, argc, argv, &help));
    if (help)
        return ST_OK;
    TRY(stall_watch(comm, request.stall_timeout));
    enum status st = eval_run(&session);
    evaluation_release(&session.result);
    evaluation_rows_release(&session.rows);
    loader_release(&session.loader);
    network_match_release(&session.match);
    folded_crew_release(&session.folded);
    stages_close(&session.stages);
    placement_release(&session.placement);
    dataset_close(&session.dataset);
    network_close(&session.network);
    return st;
}
