#include <stdlib.h>

#include "app/cli/commands.h"
#include "app/run/stall.h"
#include "app/run/tracing.h"
#include "app/version.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timer.h"
#include "comm/comm.h"
#include "train_session.h"

static enum status train_start(struct train_session *session)
{
    if (session->folder.found)
        log_note("no usable checkpoint in '%s': starting from the beginning",
                 session->folder.path);
    else if (session->request->resume)
        log_note("no run in '%s' yet: starting from the beginning", session->folder.path);
    return train_start_new(session);
}

/* The config of a refused resume is not that of the run. */
static enum status train_begin(struct train_session *session)
{
    bool resumed = false;
    if (session->request->resume)
        TRY(run_folder_resume(&session->folder, session->comm, &session->config,
                              &session->dataset, session->trainer, &resumed));
    if (!resumed)
        TRY(train_start(session));
    if (comm_rank(session->comm) == 0)
        run_folder_save_config(&session->folder, session->config_text, app_version());
    return ST_OK;
}

static enum status train_run(struct train_session *session)
{
    TRY(train_set_up(session));
    train_print_header(session);
    train_print_notes(session);
    if (session->request->check) {
        train_print_checked(session);
        return ST_OK;
    }
    TRY(train_begin(session));
    enum status st = trainer_run(session->trainer);
    if (st == ST_OK)
        train_print_next(session);
    else if (st == ST_AGAIN)
        log_out("stopped %s; the same command with --resume goes on\n",
                trainer_time_is_up(session->trainer) ? "in time for --max-time"
                                                     : "on request");
    return st;
}

enum status cmd_train(struct comm *comm, int argc, char **argv)
{
    struct train_request request = {.stall_timeout = STALL_TIMEOUT};
    bool help;
    TRY(train_request_parse(&request, argc, argv, &help));
    if (help)
        return ST_OK;
    if (request.json)
        log_reserve_stdout();
    if (request.elsewhere)
        mem_ignore_limits();
    TRY(stall_watch(comm, request.stall_timeout));
    struct train_session session = {
        .comm = comm, .request = &request, .begin = timer_now()};
    config_init(&session.config);
    enum status st = train_run(&session);
    trainer_free(session.trainer); /* ends all other threads: the trace is complete */
    char *part = session.stages.stage.count > 1 ? stages_text(&session.stages) : NULL;
    st = tracing_write(comm, request.trace, part, st);
    free(part);
    train_close(&session);
    return st;
}
