#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
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
#include "io/h5file.h"
#include "kernels/cpu.h"
#include "output.h"
#include "train/evaluate.h"
#include "train/report.h"
#include "train/weights.h"

struct request {
    const char *checkpoint, *data, *split, *out;
    bool force;
    long long threads, stages, stall_timeout;
};

struct session {
    struct comm *comm;
    const struct request *request;
    enum dataset_split split;
    struct network network;
    struct dataset dataset;
    struct placement ranks;
    struct stages stages;
    struct crew crew;
    struct loader loader;
    struct evaluation result;
    struct evaluation_rows rows;
};

/* The data set must be what the network was made for; the first difference is named. */
static enum status check_data(const struct session *session)
{
    const struct checkpoint_info *net = &session->network.info;
    const struct dataset_info *data = &session->dataset.info;
    const char *path = session->request->checkpoint;
    if (net->h != data->h || net->w != data->w)
        FAIL(ST_FAIL, "'%s' takes images of %dx%d, but those of '%s' are %dx%d", path,
             net->h, net->w, data->path, data->h, data->w);
    if (net->classes != data->classes)
        FAIL(ST_FAIL, "'%s' knows %d classes, but '%s' has %d", path, net->classes,
             data->path, data->classes);
    for (int i = 0; i < net->classes; i++)
        if (strcmp(net->class_name[i], data->class_name[i]) != 0)
            FAIL(ST_FAIL, "class %d is '%s' in '%s', but '%s' in '%s'", i,
                 net->class_name[i], path, data->class_name[i], data->path);
    if (data->count[session->split] == 0)
        FAIL(ST_FAIL, "'%s' has no %s images", data->path,
             dataset_split_name[session->split]);
    return ST_OK;
}

/* By all ranks, rank 0 first: a file that nobody can read is told of once, one that only
   another node cannot see by that node. */
static enum status open_network(struct session *session)
{
    struct comm *comm = session->comm;
    const char *path = session->request->checkpoint;
    enum status st = ST_OK;
    if (comm_rank(comm) == 0)
        st = network_describe(&session->network, path);
    TRY(comm_agree(comm, st));
    if (comm_rank(comm) != 0)
        st = network_describe(&session->network, path);
    return comm_agree(comm, st);
}

/* Into every rank what its stage has. */
static enum status read_weights(struct session *session)
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

/* A replica's stages have as many lanes. */
static void choose_plan(struct session *session, struct parallel_plan *plan)
{
    double fewest = -placement_threads(&session->ranks, session->comm);
    plan_init(plan, (int)-fewest);
    if (session->stages.stage.count == 1)
        return;
    comm_max_f64(session->comm, &fewest, 1);
    plan->lanes = (int)-fewest;
}

static enum status share_network(struct session *session)
{
    struct comm *comm = session->comm;
    const struct stage *stage = &session->stages.stage;
    struct parallel_plan plan;
    choose_plan(session, &plan);
    TRY(memory_check_evaluation(comm, stage, plan.lanes));
    memory_note(comm, evaluation_bytes(stage, plan.lanes));
    TRY(read_weights(session));
    crew_init(&session->crew, stage, &plan);
    return ST_OK;
}

static enum status set_up(struct session *session)
{
    const struct request *request = session->request;
    bool want[DATASET_SPLITS] = {false};
    want[session->split] = true;
    enum status st = ST_OK;
    if (request->out && comm_rank(session->comm) == 0)
        st = output_check(request->out, request->force);
    TRY(comm_agree(session->comm, st));
    log_set_replicated(false);
    TRY(open_network(session));
    TRY(dataset_open(&session->dataset, session->comm, request->data, want, 0));
    log_set_replicated(true);
    TRY(check_data(session));
    TRY(stages_open_trained(&session->stages, session->comm, &session->network.model,
                            &session->network.config.run.parallel, (int)request->stages));
    log_set_replicated(false);
    placement_init(&session->ranks, session->comm, (int)request->threads);
    TRY(share_network(session));
    loader_init(&session->loader, &session->dataset, session->split);
    session->loader.input = network_input(&session->network);
    return ST_OK;
}

static int most_likely(const float *row, int classes)
{
    int best = 0;
    for (int c = 1; c < classes; c++)
        if (row[c] > row[best])
            best = c;
    return best;
}

static enum status write_predictions(const struct session *session, const float *logprobs)
{
    size_t count = session->dataset.info.count[session->split];
    int classes = session->network.info.classes;
    uint16_t *predicted = mem_zeroed(count, sizeof *predicted);
    uint16_t *labels = mem_zeroed(count, sizeof *labels);
    for (size_t i = 0; i < count; i++) {
        predicted[i] = (uint16_t)most_likely(logprobs + i * (size_t)classes, classes);
        labels[i] = (uint16_t)dataset_label(&session->dataset, session->split, i);
    }
    struct h5file *file = NULL;
    enum status st;
    TRY_TO(out, h5file_create(&file, session->request->out));
    TRY_TO(out, h5file_put_text(file, "/", "format", "lockstep-predictions"));
    TRY_TO(out, h5file_put_text(file, "/", "checkpoint", session->request->checkpoint));
    TRY_TO(out, h5file_put_text(file, "/", "data", session->request->data));
    TRY_TO(out, h5file_put_text(file, "/", "split", dataset_split_name[session->split]));
    TRY_TO(out, h5file_put_texts(file, "/", "classes", session->network.info.class_name,
                                 classes));
    TRY_TO(out, h5file_write(file, "/logprobs", H5FILE_F32, 2,
                             (size_t[]){count, (size_t)classes}, logprobs));
    TRY_TO(out,
           h5file_write(file, "/predicted", H5FILE_U16, 1, (size_t[]){count}, predicted));
    TRY_TO(out, h5file_write(file, "/labels", H5FILE_U16, 1, (size_t[]){count}, labels));
    st = h5file_commit(file);
out:
    h5file_close(file);
    free(predicted);
    free(labels);
    return st;
}

/* All rows to rank 0, which writes them. */
static enum status gather_predictions(struct session *session)
{
    struct comm *comm = session->comm;
    size_t row = (size_t)session->network.info.classes * sizeof(float);
    size_t mine = session->rows.count * row;
    size_t *bytes = mem_zeroed((size_t)comm_size(comm), sizeof *bytes);
    float *all = NULL;
    comm_allgather(comm, &mine, bytes, sizeof mine);
    if (comm_rank(comm) == 0)
        all = mem_zeroed(session->dataset.info.count[session->split], row);
    comm_gather(comm, session->rows.logprobs, mine, all, bytes);
    enum status st = comm_rank(comm) == 0 ? write_predictions(session, all) : ST_OK;
    free(all);
    free(bytes);
    return comm_agree(comm, st);
}

static enum status run(struct session *session)
{
    TRY(set_up(session));
    const struct network *network = &session->network;
    double begin = timer_now();
    TRY(evaluate(session->comm, &session->crew, &session->loader, network->params,
                 INFINITY, &session->result,
                 session->request->out ? &session->rows : NULL));
    const struct evaluation *result = &session->result;
    double seconds = timer_now() - begin;
    placement_print(&session->ranks);
    stages_print(&session->stages);
    log_out("%-10s %s, step %llu%s\n", "checkpoint", session->request->checkpoint,
            (unsigned long long)network->info.progress.step,
            network->averaged ? ", averaged weights" : "");
    log_out("%-10s %s, %llu %s images\n", "data", session->request->data,
            (unsigned long long)result->count, dataset_split_name[session->split]);
    log_out("accuracy %.2f %% (%llu of %llu) loss %.4f in %.2f s, %.0f images/s\n",
            100 * (double)result->correct / (double)result->count,
            (unsigned long long)result->correct, (unsigned long long)result->count,
            result->loss, seconds, (double)result->count / seconds);
    report_confusions(network->info.class_name, network->info.classes, result->confusion);
    if (session->request->out) {
        TRY(gather_predictions(session));
        log_out("predictions: %s\n", session->request->out);
    }
    return ST_OK;
}

static enum status parse_request(struct comm *comm, struct request *request,
                                 enum dataset_split *split, int argc, char **argv,
                                 bool *help)
{
    const struct cli_option options[] = {
        {"data", CLI_TEXT, &request->data, "FILE", "data set"},
        {"split", CLI_TEXT, &request->split, "NAME", "train or test (test)"},
        {"out", CLI_TEXT, &request->out, "FILE",
         "write /logprobs, /predicted and /labels (HDF5)"},
        {"force", CLI_FLAG, &request->force, NULL, "replace FILE if it is there"},
        {"threads", CLI_INT, &request->threads, "T",
         "per rank (the rank's share of CPUs)"},
        {"pipeline", CLI_INT, &request->stages, "P",
         "ranks that share the layers, so that none has all (1): cut as in training if "
         "stages were named there, P of them, else so that the heaviest has least "
         "weight"},
        {"stall-timeout", CLI_INT, &request->stall_timeout, "SECONDS", STALL_HELP},
        {0},
    };
    const struct cli_command command = {
        "eval", "CHECKPOINT", 1, 1,
        "Measure a checkpoint (or a run's best) on a data set; also under mpirun."};
    int count;
    TRY(cli_parse(&command, options, argc, argv, &request->checkpoint, &count));
    *help = count < 0;
    if (*help)
        return ST_OK;
    if (!request->data)
        FAIL(ST_USAGE, "which data set? give --data FILE");
    if (request->stages < 1)
        FAIL(ST_USAGE, "'--pipeline %lld': expected a whole number from 1",
             request->stages);
    TRY(placement_check_threads(comm, request->threads));
    for (*split = 0; *split < DATASET_SPLITS; ++*split)
        if (strcmp(request->split, dataset_split_name[*split]) == 0)
            return ST_OK;
    FAIL(ST_USAGE, "'--split %s': expected train or test", request->split);
}

enum status cmd_eval(struct comm *comm, int argc, char **argv)
{
    struct request request = {
        .split = "test", .stages = 1, .stall_timeout = STALL_TIMEOUT};
    struct session session = {.comm = comm, .request = &request};
    bool help;
    TRY(parse_request(comm, &request, &session.split, argc, argv, &help));
    if (help)
        return ST_OK;
    TRY(stall_watch(comm, request.stall_timeout));
    enum status st = run(&session);
    evaluation_release(&session.result);
    evaluation_rows_release(&session.rows);
    loader_release(&session.loader);
    crew_release(&session.crew);
    stages_close(&session.stages);
    placement_release(&session.ranks);
    dataset_close(&session.dataset);
    network_close(&session.network);
    return st;
}
