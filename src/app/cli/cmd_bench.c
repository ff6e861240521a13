#include <stdio.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/config/config.h"
#include "app/run/placement.h"
#include "app/run/stall.h"
#include "base/log.h"
#include "base/table.h"
#include "cmd_bench.h"
#include "comm/comm.h"
#include "kernels/cpu.h"
#include "kernels/peak.h"
#include "trial.h"

static void print_rows(const struct trial_row *rows, int count, double peak)
{
    struct table table;
    table_init(&table, ">ranks", ">threads", ">batch", ">grain", ">train images/s",
               ">spread", ">forward images/s", ">spread", ">GFLOP/s dense", ">true",
               ">% of peak", NULL);
    for (int i = 0; i < count; i++) {
        const struct trial_row *r = &rows[i];
        double cores = (double)r->ranks * r->threads;
        table_cellf(&table, "%d", r->ranks);
        table_cellf(&table, "%d", r->threads);
        table_cellf(&table, "%d", r->batch);
        table_cellf(&table, "%d", r->grain);
        table_cellf(&table, "%.0f", r->train.median);
        table_cellf(&table, "%.0f-%.0f", r->train.low, r->train.high);
        table_cellf(&table, "%.0f", r->forward.median);
        table_cellf(&table, "%.0f-%.0f", r->forward.low, r->forward.high);
        table_cellf(&table, "%.1f", r->train.median * r->dense * 1e-9);
        table_cellf(&table, "%.1f", r->train.median * r->truly * 1e-9);
        table_cellf(&table, "%.0f", 100 * r->train.median * r->truly / (peak * cores));
    }
    table_print(&table);
    table_release(&table);
}

static void print_json(const struct trial_row *rows, int count, double peak)
{
    log_out("[\n");
    for (int i = 0; i < count; i++) {
        const struct trial_row *r = &rows[i];
        log_out("  {\"ranks\": %d, \"threads\": %d, \"batch\": %d, \"grain\": %d,\n"
                "   \"train_images_per_second\": %.1f, \"train_low\": %.1f, "
                "\"train_high\": %.1f,\n"
                "   \"forward_images_per_second\": %.1f, \"forward_low\": %.1f, "
                "\"forward_high\": %.1f,\n"
                "   \"dense_gflops\": %.2f, \"true_gflops\": %.2f, "
                "\"peak_gflops_per_core\": %.2f,\n"
                "   \"isa\": \"%s\", \"blas\": \"%s\"}%s\n",
                r->ranks, r->threads, r->batch, r->grain, r->train.median, r->train.low,
                r->train.high, r->forward.median, r->forward.low, r->forward.high,
                r->train.median * r->dense * 1e-9, r->train.median * r->truly * 1e-9,
                peak * 1e-9, cpu_isa_name(cpu_isa()), cpu_blas(),
                i + 1 < count ? "," : "");
    }
    log_out("]\n");
}

void bench_print_machine(double registers, double sgemm)
{
    log_out("%s, %s kernels, %s\n", cpu_model(), cpu_isa_name(cpu_isa()), cpu_blas());
    log_out("peak of one core: %.1f GFLOP/s in registers, %.1f in a large sgemm\n\n",
            registers * 1e-9, sgemm * 1e-9);
}

static enum status bench_step(struct comm *comm, const struct bench_request *request)
{
    struct trial_list batches, threads;
    struct config config;
    TRY(trial_read_list("batch", request->batches, &batches));
    TRY(trial_read_list("threads", request->threads, &threads));
    for (int t = 0; t < threads.count; t++)
        TRY(placement_check_threads(comm, threads.value[t]));
    double registers = peak_registers(), sgemm = peak_sgemm();
    if (!request->json)
        bench_print_machine(registers, sgemm);
    int count = 0;
    struct trial_row rows[TRIAL_LIST * TRIAL_LIST] = {{0}};
    enum status st;
    TRY_TO(out, trial_read_config(request->config, request->grain, &config));
    for (int t = 0; t < threads.count; t++) {
        for (int b = 0; b < batches.count; b++) {
            struct trial_row *row = &rows[count++];
            *row = (struct trial_row){.batch = batches.value[b],
                                      .threads = threads.value[t],
                                      .ranks = comm_size(comm),
                                      .train_only = request->train_only};
            TRY_TO(out, trial_steps(comm, &config, (int)request->repeats, row));
        }
    }
    if (request->json)
        print_json(rows, count, registers);
    else
        print_rows(rows, count, registers);
out:
    config_release(&config);
    return st;
}

enum status cmd_bench(struct comm *comm, int argc, char **argv)
{
    struct bench_request request = {
        .batches = "16,64,256,1024",
        .bytes = "4096,16384,65536,262144,1200000,4194304,16777216,67108864",
        .repeats = 7,
        .stall_timeout = STALL_TIMEOUT,
    };
    const struct cli_option options[] = {
        {"batch", CLI_TEXT, &request.batches, "N,N,...", "batch sizes (16,64,256,1024)"},
        {"threads", CLI_TEXT, &request.threads, "T,T,...",
         "threads per rank (1 and all of its share)"},
        {"repeats", CLI_INT, &request.repeats, "N",
         "runs of which the median is told (7)"},
        {"grain", CLI_INT, &request.grain, "N", "instead of the config's"},
        {"train", CLI_FLAG, &request.train_only, NULL, "training steps alone"},
        {"bytes", CLI_TEXT, &request.bytes, "N,N,...",
         "reduce: lengths of the vectors (4096 to 67108864)"},
        {"grains", CLI_INT, &request.grains, "N",
         "reduce: vectors that are added (one of each rank)"},
        {"json", CLI_FLAG, &request.json, NULL, "an array of objects instead of a table"},
        {"stall-timeout", CLI_INT, &request.stall_timeout, "SECONDS", STALL_HELP},
        {0},
    };
    const struct cli_command command = {
        "bench", "step|layers|reduce [CONFIG]", 1, 2,
        "Measure whole training steps, or each layer, of the reference network or of\n"
        "CONFIG's, on 28x28 images; steps also under mpirun. Or the sum of a gradient "
        "over\n"
        "ranks by each algorithm, beside MPI_Allreduce, whose bits depend on the ranks."};
    const char *operand[2];
    char both[32];
    int count;
    TRY(cli_parse(&command, options, argc, argv, operand, &count));
    if (count < 0)
        return ST_OK;
    request.config = count > 1 ? operand[1] : NULL;
    if (request.repeats < 1)
        FAIL(ST_USAGE, "'--repeats 0': at least one is needed");
    TRY(stall_watch(comm, request.stall_timeout));
    if (strcmp(operand[0], "reduce") == 0)
        return bench_reduce(comm, &request);
    struct placement ranks;
    placement_init(&ranks, comm, 0);
    int share = placement_threads(&ranks, comm);
    placement_release(&ranks);
    snprintf(both, sizeof both, share > 1 ? "1,%d" : "1", share);
    if (!request.threads)
        request.threads = both;
    if (strcmp(operand[0], "step") == 0)
        return bench_step(comm, &request);
    if (strcmp(operand[0], "layers") == 0)
        return comm_agree(comm, comm_rank(comm) == 0 ? bench_layers(&request) : ST_OK);
    FAIL(ST_USAGE, "'bench %s': expected step, layers or reduce", operand[0]);
}
