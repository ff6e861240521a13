#include <stdlib.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/report/report.h"
#include "app/run/placement.h"
#include "app/run/stall.h"
#include "base/log.h"
#include "comm/comm.h"

static enum status report_parse(struct comm *comm, struct report_request *request,
                                int argc, char **argv, const char **operand)
{
    long long mistakes = -1, threads = 0, stall_timeout = STALL_TIMEOUT;
    const struct cli_option options[] = {
        {"out", CLI_TEXT, &request->out, "FILE",
         "the page, default RUN/report.html, or report.html of several runs; a report "
         "that is there is replaced"},
        {"data", CLI_TEXT, &request->data, "PATH",
         "data set, or a folder or list of pictures; default that of the training"},
        {"mistakes", CLI_INT, &mistakes, "N",
         "pictures of the most confident mistakes, default 24; 0: the best weights "
         "answer "
         "no images, and there are no tables of the classes"},
        {"threads", CLI_INT, &threads, "T",
         "threads per rank, default the rank's share of the CPUs"},
        {"stall-timeout", CLI_INT, &stall_timeout, "SECONDS", STALL_HELP},
        {0},
    };
    const struct cli_command command = {
        "report", "RUN...", 1, REPORT_RUNS,
        "Write a page of HTML about a run, also while it is at work: what was trained, "
        "curves,\nclasses, confusions, the most confident mistakes, where the time went. "
        "Of several\nruns: their curves and results side by side, and how their configs "
        "differ."};
    TRY(cli_parse(&command, options, argc, argv, operand, &request->runs));
    if (request->runs < 0)
        return ST_OK;
    if (mistakes > 1000)
        FAIL(ST_USAGE, "'--mistakes %lld': expected a whole number from 0 to 1000",
             mistakes);
    if (request->runs > 1 && (request->data || mistakes >= 0 || threads > 0))
        FAIL(ST_USAGE, "--data, --mistakes and --threads are for the report of one run");
    if (request->data && mistakes == 0)
        FAIL(ST_USAGE, "--mistakes 0 answers no images: --data is of no use then");
    TRY(placement_check_threads(comm, threads));
    TRY(stall_watch(comm, stall_timeout));
    request->run = operand;
    request->mistakes = mistakes < 0 ? REPORT_MISTAKES : (int)mistakes;
    request->threads = (int)threads;
    return ST_OK;
}

enum status cmd_report(struct comm *comm, int argc, char **argv)
{
    struct report_request request = {0};
    const char *operand[REPORT_RUNS];
    TRY(report_parse(comm, &request, argc, argv, operand));
    return request.runs < 0 ? ST_OK : report_make(comm, &request);
}
