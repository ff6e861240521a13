/* lab batch: whole training steps by batch size, and from which size on they gain no
   more. */
#include "app/cli/cli.h"
#include "app/run/placement.h"
#include "app/run/stall.h"
#include "app/run/trial_config.h"
#include "base/log.h"
#include "base/table.h"
#include "cmd_lab.h"
#include "comm/comm.h"
#include "lab/trial.h"
#include "option_list.h"

struct lab_batch_request {
    const char *batches, *config, *image_size;
    long long threads, repeats, stall_timeout;
};

static void lab_batch_print(const struct trial_row *rows, int count, int knee)
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
    log_out("\nsum %%: share of the step spent adding gradients of threads and ranks; "
            "MB: workspaces and vectors.\nThe knee is the smallest batch with at least "
            "%.0f %% of the best rate.\n",
            100 * TRIAL_KNEE);
}

static enum status lab_batch_run(struct comm *comm,
                                 const struct lab_batch_request *request, int threads)
{
    struct option_list batches;
    struct trial_row rows[OPTION_LIST] = {{.batch = 0}};
    struct config config;
    TRY(option_list_read("batch", request->batches, &batches));
    enum status st;
    TRY_TO(out, trial_config_read(request->config, 0, request->image_size, &config));
    for (int i = 0; i < batches.count; i++) {
        rows[i] = (struct trial_row){.source = trial_config_source(&config, NULL),
                                     .batch = batches.value[i],
                                     .threads = threads,
                                     .ranks = comm_size(comm),
                                     .train_only = true};
        if (comm_rank(comm) == 0)
            log_progress("measuring batch %d", rows[i].batch);
        TRY_TO(out, trial_steps(comm, &config.model, &config.run, (int)request->repeats,
                                &rows[i]));
        comm_max_f64(comm, &rows[i].reduce, 1);
    }
    log_out("training steps, %d rank%s x %d thread%s\n\n", comm_size(comm),
            comm_size(comm) > 1 ? "s" : "", threads, threads > 1 ? "s" : "");
    int knee = trial_knee(rows, batches.count);
    struct claim claim;
    lab_batch_print(rows, batches.count, knee);
    claim_batch(rows, batches.count, knee, &claim);
    lab_print_claims(&claim, 1);
out:
    config_release(&config);
    return st;
}

enum status lab_batch(struct comm *comm, int argc, char **argv)
{
    struct lab_batch_request request = {.batches = "1,2,4,8,16,32,64,128,256,512,1024",
                                        .repeats = 5,
                                        .stall_timeout = STALL_TIMEOUT};
    const struct cli_option options[] = {
        {"batch", CLI_TEXT, &request.batches, "N,N,...",
         "batch sizes, default 1,2,4,...,1024"},
        {"threads", CLI_INT, &request.threads, "T",
         "threads per rank, default the rank's share of the CPUs"},
        {"image-size", CLI_TEXT, &request.image_size, "N|HxW", CLI_IMAGE_SIZE_HELP},
        {"repeats", CLI_INT, &request.repeats, "N",
         "runs whose median is shown, default 5"},
        {"stall-timeout", CLI_INT, &request.stall_timeout, "SECONDS", STALL_HELP},
        {0},
    };
    const struct cli_command command = {
        "lab batch", "[CONFIG]", 0, 1,
        "Measure training steps by batch size, also under mpirun: images per second,\n"
        "latency, memory, the share of communication, and the smallest batch that is\n"
        "fast enough.\n" CLI_CONFIG_HELP};
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
    return lab_batch_run(comm, &request, threads);
}
