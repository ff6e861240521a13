#include "app/report/report.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "html.h"
#include "io/target.h"
#include "report_pages.h"

#define REPORT_FILE "report.html"

static const struct target_kind report_target = {"a report", .head = HTML_HEAD};

static enum status report_path(const struct report_request *request, char path[FS_PATH])
{
    if (request->out && snprintf(path, FS_PATH, "%s", request->out) >= FS_PATH)
        FAIL(ST_USAGE, "path too long: '%s'", request->out);
    if (request->out)
        return ST_OK;
    return fs_join(path, request->runs == 1 ? request->run[0] : ".", REPORT_FILE);
}

static enum status report_write(const char *path, const struct report_request *request,
                                const struct report_run *run,
                                const struct report_answers *answers)
{
    struct fs_writer writer;
    TRY(fs_write_begin(&writer, path));
    if (request->runs == 1)
        report_page(writer.file, run, answers, request->mistakes);
    else
        report_page_compared(writer.file, run, request->runs);
    TRY(fs_write_end(&writer));
    log_out("report: %s\n", path);
    return ST_OK;
}

/* By rank 0. */
static enum status report_open_runs(const struct report_request *request,
                                    struct report_run *run, int *opened)
{
    while (*opened < request->runs) {
        int next = (*opened)++;
        TRY(report_run_open(&run[next], request->run[next]));
    }
    return ST_OK;
}

static enum status report_check(const struct report_request *request, const char *path)
{
    const char *const inputs[] = {request->data};
    return target_check(path, &report_target, inputs, 1);
}

/* A data set that the user named must be there; without that of the training the page
   has no answers. */
static enum status report_judge_answers(const struct report_request *request,
                                        const struct report_answers *answers)
{
    if (answers->status == ST_OK)
        return ST_OK;
    if (request->data)
        FAIL(answers->status, "%s", answers->why);
    log_note("the page has no answers: %s", answers->why);
    return ST_OK;
}

static enum status report_make_page(struct comm *comm,
                                    const struct report_request *request,
                                    const char *path, const struct report_run *run)
{
    struct report_answers answers = {.status = ST_OK};
    bool first = comm_rank(comm) == 0, asks = request->runs == 1 && request->mistakes > 0;
    enum status st = ST_OK;
    if (asks)
        report_answers_open(&answers, comm, request->run[0], request->data,
                            request->threads);
    if (first)
        st = report_judge_answers(request, &answers);
    if (first && st == ST_OK)
        st = report_write(path, request, run, &answers);
    if (asks)
        report_answers_close(&answers);
    return comm_agree(comm, st);
}

enum status report_make(struct comm *comm, const struct report_request *request)
{
    char path[FS_PATH];
    struct report_run *run = mem_zeroed((size_t)request->runs, sizeof *run);
    bool first = comm_rank(comm) == 0;
    int opened = 0;
    enum status st = report_path(request, path);
    if (first && st == ST_OK)
        st = report_open_runs(request, run, &opened);
    if (first && st == ST_OK)
        st = report_check(request, path);
    st = comm_agree(comm, st);
    if (st == ST_OK)
        st = report_make_page(comm, request, path, run);
    for (int r = 0; r < opened; r++)
        report_run_close(&run[r]);
    free(run);
    return st;
}
