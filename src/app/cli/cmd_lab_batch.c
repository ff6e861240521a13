/* lab batch: whole training steps over batch sizes, and where their gain ends. */
#include <stdio.h>
#include <stdlib.h>

#include "app/cli/cli.h"
#include "app/run/placement.h"
#include "app/run/stall.h"
#include "base/log.h"
#include "base/table.h"
#include "cmd_lab.h"
#include "comm/comm.h"
#include "trial.h"

#define KNEE 0.95 /* of the best rate */

struct request {
    const char *batches, *config;
    long long threads, repeats, stall_timeout;
};

static int find_knee(const struct trial_row *rows, int count)
{
    double best = 0;
    int knee = -1;
    for (int i = 0; i < count; i++)
        best = rows[i].train.median > best ? rows[i].train.median : best;
    for (int i = 0; i < count; i++)
        if (rows[i].train.median >= KNEE * best &&
            (knee < 0 || rows[i].batch < rows[knee].batch))
            knee = i;
    return knee;
}

static void examine(const struct trial_row *rows, int count, int knee)
{
    struct claim claim = {.claim = "a batch of 16 to 64 is the sweet spot"};
    double best = 0, worst = 0;
    for (int i = 0; i < count; i++) {
        double rate = rows[i].train.median;
        best = rate > best ? rate : best;
        if (rows[i].batch >= 16 && rows[i].batch <= 64 && (worst == 0 || rate < worst))
            worst = rate;
    }
    snprintf(claim.here, sizeof claim.here,
             "the knee is at %d; 16 to 64 have at least %.0f %% of the best rate",
             rows[knee].batch, 100 * worst / best);
    if (worst == 0)
        snprintf(claim.here, sizeof claim.here,
                 "the knee is at %d; 16 to 64 were not measured", rows[knee].batch);
    bool inside = rows[knee].batch >= 16 && rows[knee].batch <= 64;
    snprintf(claim.holds, sizeof claim.holds, "%s",
             inside                  ? "yes: from there on nothing is gained"
             : rows[knee].batch < 16 ? "no: less is enough"
                                     : "no: more is faster");
    lab_print_claims(&claim, 1);
}

static void print_rows(const struct trial_row *rows, int count, int knee)
{
    struct table table;
    table_init(&table, ">batch", ">grain", ">images/s", ">spread", ">% of best",
               ">ms/step", ">sum %", ">MB/rank", "<", NULL);
    double best = 0;
    for (int i = 0; i < count; i++)
        best = rows[i].train.median > best ? rows[i].train.median : best;
    for (int i = 0; i < count; i++) {
        const struct trial_row *row = &rows[i];
        table_cellf(&table, "%d", row->batch);
        table_cellf(&table, "%d", row->grain);
        table_cellf(&table, "%.0f", row->train.median);
        table_cellf(&table, "%.0f-%.0f", row->train.low, row->train.high);
        table_cellf(&table, "%.0f", 100 * row->train.median / best);
        table_cellf(&table, "%.3f", 1e3 * row->batch / row->train.median);
        table_cellf(&table, "%.1f", 100 * row->reduce);
        table_cellf(&table, "%.1f", (double)row->bytes / 1e6);
        table_cellf(&table, "%s", i == knee ? "<- the knee" : "");
    }
    table_print(&table);
    table_release(&table);
    log_out("\nsum %%: share of the step in adding up gradients, between threads and "
            "ranks; MB: workspaces and vectors.\nThe knee is the smallest batch with at "
            "least %.0f %% of the best rate.\n",
            100 * KNEE);
}

static enum status run(struct comm *comm, const struct request *request, int threads)
{
    struct trial_list batches;
    struct trial_row rows[TRIAL_LIST] = {{0}};
    struct config config;
    TRY(trial_read_list("batch", request->batches, &batches));
    enum status st;
    TRY_TO(out, trial_read_config(request->config, 0, &config));
    for (int i = 0; i < batches.count; i++) {
        rows[i] = (struct trial_row){.batch = batches.value[i],
                                     .threads = threads,
                                     .ranks = comm_size(comm),
                                     .train_only = true};
        if (comm_rank(comm) == 0)
            log_progress("measuring batch %d", rows[i].batch);
        TRY_TO(out, trial_steps(comm, &config, (int)request->repeats, &rows[i]));
        comm_max_f64(comm, &rows[i].reduce, 1);
    }
    log_out("training steps, %d rank%s x %d thread%s\n\n", comm_size(comm),
            comm_size(comm) > 1 ? "s" : "", threads, threads > 1 ? "s" : "");
    int knee = find_knee(rows, batches.count);
    print_rows(rows, batches.count, knee);
    examine(rows, batches.count, knee);
out:
    config_release(&config);
    return st;
}

enum status lab_batch(struct comm *comm, int argc, char **argv)
{
    struct request request = {.batches = "1,2,4,8,16,32,64,128,256,512,1024",
                              .repeats = 5,
                              .stall_timeout = STALL_TIMEOUT};
    const struct cli_option options[] = {
        {"batch", CLI_TEXT, &request.batches, "N,N,...", "batch sizes (1,2,4,...,1024)"},
        {"threads", CLI_INT, &request.threads, "T",
         "threads per rank (all of its share)"},
        {"repeats", CLI_INT, &request.repeats, "N",
         "runs of which the median is told (5)"},
        {"stall-timeout", CLI_INT, &request.stall_timeout, "SECONDS", STALL_HELP},
        {0},
    };
    const struct cli_command command = {
        "lab batch", "[CONFIG]", 0, 1,
        "Measure training steps over batch sizes, also under mpirun: images per second,\n"
        "latency, memory, the share of communication, and from which batch on it is\n"
        "enough."};
    struct placement ranks;
    int count;
    TRY(cli_parse(&command, options, argc, argv, &request.config, &count));
    if (count < 0)
        return ST_OK;
    if (count == 0)
        request.config = NULL;
    if (request.repeats < 1)
        FAIL(ST_USAGE, "'--repeats 0': at least one is needed");
    TRY(stall_watch(comm, request.stall_timeout));
    TRY(placement_check_threads(comm, request.threads));
    placement_init(&ranks, comm, (int)request.threads);
    int threads = placement_threads(&ranks, comm);
    placement_release(&ranks);
    return run(comm, &request, threads);
}
