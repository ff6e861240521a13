#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/run/eval_session.h"
#include "app/run/stall.h"
#include "base/log.h"
#include "comm/comm.h"
#include "eval_calibrate.h"
#include "eval_out.h"
#include "eval_scores.h"
#include "train/report.h"

/* The command line. */
struct eval_line {
    const char *split, *out, *views, *tta;
    bool force, calibrate;
    long long threads, stages, stall_timeout;
};

static struct eval_answers eval_answers(const struct eval_session *session)
{
    return (struct eval_answers){
        .checkpoint = session->request->checkpoint,
        .data = session->data,
        .network = &session->network,
        .loader = &session->loader,
        .count = session->dataset.info.count[session->split],
        .threshold = eval_session_threshold(session),
        .result = &session->result,
        .answer = session->answer,
    };
}

/* The network is read from a file of the run. */
static enum status eval_check_out(const struct eval_session *session,
                                  const struct eval_line *line)
{
    const char *const inputs[] = {session->network.checkpoint, session->data};
    enum status st = ST_OK;
    if (line->out && comm_rank(session->comm) == 0)
        st = eval_out_check(&session->network, line->out, line->force, inputs, 2);
    return comm_agree(session->comm, st);
}

/* Images that choose nothing are for the last figure alone. */
static void eval_note_split(const struct eval_session *session)
{
    const struct dataset_info *data = &session->dataset.info;
    if (session->split == DATASET_TEST && data->count[DATASET_VAL] > 0)
        log_note("test images are for the last figure: compare runs with --split val");
}

static void eval_print(const struct eval_session *session)
{
    const struct network *network = &session->network;
    const struct evaluation *result = &session->result;
    const struct eval_answers answers = eval_answers(session);
    placement_print(&session->placement);
    stages_print(&session->stages);
    log_out("%-10s %s, step %llu%s\n", "checkpoint", session->request->checkpoint,
            (unsigned long long)network->info.progress.step,
            network->averaged ? ", averaged weights" : "");
    network_note_statistics(network->checkpoint, &network->info.progress);
    eval_note_split(session);
    log_out("%-10s %s, %llu %s images\n", "data", session->data,
            (unsigned long long)result->count, dataset_split_name[session->split]);
    if (eval_session_temperature(session) > 0)
        log_out("%-10s %.4f of the probabilities\n", "temperature",
                eval_session_temperature(session));
    if (eval_session_views(session) != VIEW_SET_NONE)
        log_out("%-10s %s\n", "views", view_set_words[eval_session_views(session)]);
    log_out("accuracy %.2f %% (%llu of %llu) loss %.4f in %.2f s, %.0f images/s\n",
            100 * (double)result->correct / (double)result->count,
            (unsigned long long)result->correct, (unsigned long long)result->count,
            result->loss, session->seconds, (double)result->count / session->seconds);
    eval_scores_print(&answers);
    report_confusions(network->info.class_name, &result->confusion);
}

static enum status eval_write(const struct eval_session *session, const char *out)
{
    const struct eval_answers answers = eval_answers(session);
    enum status st = ST_OK;
    if (comm_rank(session->comm) == 0)
        st = eval_out_write(&answers, out, session->logprobs);
    TRY(comm_agree(session->comm, st));
    log_out("%s: %s\n", out[strlen(out) - 1] == '/' ? "tables" : "predictions", out);
    return ST_OK;
}

static enum status eval_run(struct eval_session *session, const struct eval_line *line)
{
    TRY(eval_session_find(session));
    if (line->calibrate)
        TRY(eval_calibrate_check(session));
    TRY(eval_check_out(session, line));
    TRY(eval_session_open(session));
    if (line->calibrate)
        TRY(eval_calibrate_check_data(session));
    TRY(eval_session_run(session));
    eval_print(session);
    if (line->calibrate)
        return eval_calibrate(session);
    return line->out ? eval_write(session, line->out) : ST_OK;
}

static enum status eval_check_calibrate(struct eval_request *request,
                                        const struct eval_line *line)
{
    request->raw = line->calibrate;
    if (!line->calibrate)
        return ST_OK;
    if (line->split && strcmp(line->split, "val") != 0)
        FAIL(ST_USAGE,
             "'--split %s': a temperature is fitted on val images: the network was "
             "trained "
             "on train, and test is for the last figure",
             line->split);
    if (line->out)
        FAIL(ST_USAGE,
             "'--calibrate' writes no predictions: give --out to a second eval, "
             "which uses the temperature");
    return ST_OK;
}

static enum status eval_parse(struct comm *comm, struct eval_request *request,
                              struct eval_line *line, int argc, char **argv, bool *help)
{
    const struct cli_option options[] = {
        {"data", CLI_TEXT, &request->data, "PATH",
         "data set, or a folder or list of pictures; default that of the training"},
        {"split", CLI_TEXT, &line->split, "NAME", "train, val or test, default test"},
        {"views", CLI_TEXT, &line->views, "WORD", CLI_VIEWS_HELP},
        {"tta", CLI_TEXT, &line->tta, "flip|multi", CLI_TTA_HELP},
        {"threshold", CLI_REAL, &request->threshold, "P", CLI_THRESHOLD_HELP},
        {"out", CLI_TEXT, &line->out, "PATH",
         "write /logprobs, /predicted and /labels to the file PATH (HDF5; of images with "
         "several classes /probabilities, /predicted and /labels); if PATH ends with "
         "'/', report.csv, measures.csv, predictions.csv and predictions.h5 into that "
         "folder"},
        {"force", CLI_FLAG, &line->force, NULL, "replace files that exist"},
        {"calibrate", CLI_FLAG, &line->calibrate, NULL,
         "fit a temperature on the val images, so that probabilities agree with how "
         "often "
         "answers are right, and keep it in the checkpoint: eval, report and predict use "
         "it"},
        {"no-verify", CLI_FLAG, &request->no_verify, NULL, CLI_NO_VERIFY_HELP},
        {"threads", CLI_INT, &line->threads, "T",
         "threads per rank, default the rank's share of the CPUs"},
        {"pipeline", CLI_INT, &line->stages, "P",
         "number of stages: ranks that share the layers, for a network too large for one "
         "process; default 1. P named stages of the training are used again, otherwise "
         "the layers are cut so that the largest stage is as small as possible"},
        {"stall-timeout", CLI_INT, &line->stall_timeout, "SECONDS", STALL_HELP},
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
    if (line->stages < 1)
        FAIL(ST_USAGE, "'--pipeline %lld': expected a whole number from 1", line->stages);
    TRY(placement_check_threads(comm, line->threads));
    TRY(cli_check_threshold(request->threshold));
    request->threads = (int)line->threads;
    request->stages = (int)line->stages;
    TRY(eval_check_calibrate(request, line));
    request->rows = line->out != NULL || line->calibrate;
    TRY(cli_read_views(line->views, line->tta, &request->views));
    if (!line->split)
        line->split = line->calibrate ? "val" : "test";
    return dataset_split_named(line->split, "split", &request->split);
}

enum status cmd_eval(struct comm *comm, int argc, char **argv)
{
    struct eval_line line = {.split = NULL, .stages = 1, .stall_timeout = STALL_TIMEOUT};
    struct eval_request request = {
        .views = -1, .threshold = -1, .write_bytes = eval_write_bytes};
    struct eval_session session = {.comm = comm, .request = &request};
    bool help;
    TRY(eval_parse(comm, &request, &line, argc, argv, &help));
    if (help)
        return ST_OK;
    TRY(stall_watch(comm, line.stall_timeout));
    enum status st = eval_run(&session, &line);
    eval_session_close(&session);
    return st;
}
