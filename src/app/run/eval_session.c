#include "app/run/eval_session.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "app/run/data_source.h"
#include "app/run/memory.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timer.h"
#include "comm/comm.h"
#include "train/weights.h"

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

int eval_session_views(const struct eval_session *session)
{
    int given = session->request->views;
    return given < 0 ? session->network.config.run.eval.views : given;
}

double eval_session_threshold(const struct eval_session *session)
{
    double given = session->request->threshold;
    return given < 0 ? session->network.config.run.eval.threshold : given;
}

double eval_session_temperature(const struct eval_session *session)
{
    return session->request->raw ? 0 : network_temperature(&session->network);
}

/* With rows rank 0 gathers the rows of all ranks; the only rank has them already. */
static size_t eval_bytes(const struct eval_session *session,
                         const struct parallel_plan *plan)
{
    const struct stage *stage = &session->stages.stage;
    uint64_t samples = session->dataset.info.count[session->split];
    size_t bytes =
        evaluation_bytes(stage, plan, samples) +
        evaluation_views_bytes(stage->whole, plan->lanes, eval_session_views(session));
    if (!stage->whole->multi_label)
        bytes += answers_bytes(samples);
    if (!session->request->rows)
        return bytes;
    if (!stage->whole->multi_label) /* has them in any case */
        bytes += evaluation_rows_bytes(stage, samples);
    if (comm_rank(session->comm) == 0 && session->request->write_bytes)
        bytes += session->request->write_bytes(stage->whole, samples);
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

/* By rank 0. */
static enum status eval_check_recorded(const struct eval_session *session)
{
    const char *file = session->network.config.data.file;
    const char *name = session->request->checkpoint;
    if (!*file)
        FAIL(ST_USAGE,
             "'%s' does not say on which data set it was trained: give --data "
             "PATH",
             name);
    if (!fs_is_file(file) && !fs_is_folder(file))
        FAIL(ST_USAGE, "'%s' was trained on '%s', which is not here: give --data PATH",
             name, file);
    return ST_OK;
}

static enum status eval_choose_data(struct eval_session *session)
{
    enum status st = ST_OK;
    session->data = session->request->data;
    if (session->data)
        return ST_OK;
    session->data = session->network.config.data.file;
    if (comm_rank(session->comm) == 0)
        st = eval_check_recorded(session);
    return comm_agree(session->comm, st);
}

/* The pictures of the training are divided as they were for it. */
static bool eval_is_of_training(const struct eval_session *session)
{
    return strcmp(session->data, session->network.config.data.file) == 0;
}

static enum status eval_find_own_data(struct eval_session *session, char **file)
{
    const struct import_options import =
        data_source_training_options(&session->network.config.data);
    bool has[DATASET_SPLITS];
    return data_source_open(session->comm, session->data, &import, file, has);
}

/* Another folder or list of pictures is treated as those of the training were. One that
   is not divided is measured as a whole: its pictures are all in train. */
static enum status eval_find_other_data(struct eval_session *session, char **file)
{
    const struct checkpoint_info *info = &session->network.info;
    const char *path = session->data;
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
        FAIL(ST_FAIL, "the treatment of pictures that '%s' records cannot be understood",
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

enum status eval_session_find(struct eval_session *session)
{
    bool replicated = log_set_replicated(false);
    session->split = session->request->split;
    enum status st = eval_open_network(session);
    if (st == ST_OK)
        st = eval_choose_data(session);
    log_set_replicated(replicated);
    return st;
}

/* Rank 0 looks, for all. */
static enum status eval_choose_split(struct eval_session *session, const char *file)
{
    struct dataset_info info;
    enum status st = ST_OK;
    int split = (int)session->split;
    if (!session->request->choosing || session->split == DATASET_TRAIN)
        return ST_OK;
    if (comm_rank(session->comm) == 0) {
        st = dataset_info_read(&info, file);
        split = st == ST_OK ? (int)dataset_choosing(&info) : split;
        if (st == ST_OK)
            dataset_info_release(&info);
    }
    TRY(comm_agree(session->comm, st));
    comm_bcast(session->comm, &split, sizeof split, 0);
    session->split = (enum dataset_split)split;
    return ST_OK;
}

/* Each rank reports a file that it cannot read. */
static enum status eval_open_data(struct eval_session *session)
{
    const struct dataset_use use = {.trusted = session->request->no_verify};
    bool want[DATASET_SPLITS] = {false};
    char *file = NULL;
    bool replicated = log_set_replicated(false);
    enum status st =
        (eval_is_of_training(session) ? eval_find_own_data
                                      : eval_find_other_data)(session, &file);
    if (st == ST_OK)
        st = eval_choose_split(session, file);
    want[session->split] = true;
    if (st == ST_OK)
        st = dataset_open(&session->dataset, session->comm, file, want, &use);
    log_set_replicated(replicated);
    free(file);
    return st;
}

enum status eval_session_open(struct eval_session *session)
{
    const struct eval_request *request = session->request;
    struct comm *comm = session->comm;
    TRY(eval_open_data(session));
    TRY(network_match(&session->network, request->checkpoint, &session->dataset,
                      session->split, &session->match));
    TRY(stages_open_trained(&session->stages, comm, &session->network.model,
                            &session->network.config.run.parallel, request->stages));
    log_set_replicated(false);
    placement_init(&session->placement, comm, request->threads);
    TRY(eval_share_network(session));
    loader_init(&session->loader, &session->dataset, session->split);
    session->loader.input = network_input(&session->network);
    session->loader.match = &session->match;
    if (comm_rank(comm) == 0)
        network_note_match(&session->network, request->checkpoint, &session->dataset,
                           session->split);
    return ST_OK;
}

/* The rows of all ranks to rank 0; of the only rank they are there already. */
static void eval_gather_rows(struct eval_session *session)
{
    struct comm *comm = session->comm;
    struct evaluation_rows *rows = &session->rows;
    if (comm_size(comm) == 1) {
        session->logprobs = rows->logprobs;
        rows->logprobs = NULL;
        return;
    }
    size_t row = (size_t)session->network.info.classes * sizeof(float);
    size_t mine = rows->count * row;
    size_t *bytes = mem_zeroed((size_t)comm_size(comm), sizeof *bytes);
    comm_allgather(comm, &mine, bytes, sizeof mine);
    if (comm_rank(comm) == 0)
        session->logprobs = mem_zeroed(session->dataset.info.count[session->split], row);
    comm_gather(comm, rows->logprobs, mine, session->logprobs, bytes);
    free(bytes);
}

enum status eval_session_run(struct eval_session *session)
{
    double begin = timer_now();
    if (!session->network.model.multi_label)
        session->answer =
            mem_zeroed(answers_bytes(session->dataset.info.count[session->split]), 1);
    const struct evaluate_setup setup = {.comm = session->comm,
                                         .crew = &session->folded.crew,
                                         .loader = &session->loader,
                                         .params = session->folded.fold.params,
                                         .views = eval_session_views(session),
                                         .threshold = eval_session_threshold(session),
                                         .answer = session->answer,
                                         .temperature = eval_session_temperature(session),
                                         .latest = INFINITY};
    bool rows = session->request->rows;
    TRY(evaluate(&setup, &session->result, rows ? &session->rows : NULL));
    session->seconds = timer_now() - begin;
    if (rows)
        eval_gather_rows(session);
    return ST_OK;
}

void eval_session_close(struct eval_session *session)
{
    evaluation_release(&session->result);
    evaluation_rows_release(&session->rows);
    free(session->logprobs);
    free(session->answer);
    loader_release(&session->loader);
    network_match_release(&session->match);
    folded_crew_release(&session->folded);
    stages_close(&session->stages);
    placement_release(&session->placement);
    dataset_close(&session->dataset);
    network_close(&session->network);
}
