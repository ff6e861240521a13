/* bench step: whole training steps, on built-in letters. */
#include "app/run/placement.h"
#include "app/run/trial_config.h"
#include "base/log.h"
#include "base/table.h"
#include "cmd_bench.h"
#include "comm/comm.h"
#include "kernels/cpu.h"
#include "kernels/peak.h"
#include "lab/grid.h"
#include "lab/trial.h"
#include "option_list.h"

/* Not measured with --train. */
static void bench_forward_cells(struct table *table, const struct trial_row *row)
{
    if (row->train_only) {
        table_cellf(table, "-");
        table_cellf(table, "-");
        return;
    }
    table_cellf(table, "%.0f", row->forward.median);
    table_cellf(table, "%.0f-%.0f", row->forward.low, row->forward.high);
}

static void bench_print_step_table(const struct trial_row *rows, int count, double peak)
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
        bench_forward_cells(&table, r);
        table_cellf(&table, "%.1f", r->train.median * r->dense * 1e-9);
        table_cellf(&table, "%.1f", r->train.median * r->truly * 1e-9);
        table_cellf(&table, "%.0f", 100 * r->train.median * r->truly / (peak * cores));
    }
    table_print(&table);
    table_release(&table);
}

static void bench_print_step_json(const struct trial_row *rows, int count, double peak)
{
    log_out("[\n");
    for (int i = 0; i < count; i++) {
        const struct trial_row *r = &rows[i];
        log_out("  {\"ranks\": %d, \"threads\": %d, \"batch\": %d, \"grain\": %d,\n"
                "   \"train_images_per_second\": %.1f, \"train_low\": %.1f, "
                "\"train_high\": %.1f,\n"
                "   \"forward_images_per_second\": %.1f, \"forward_low\": %.1f, "
                "\"forward_high\": %.1f,\n"
                "   \"train_images_per_cpu_second\": %.2f, "
                "\"forward_images_per_cpu_second\": %.2f,\n"
                "   \"dense_gflops\": %.2f, \"true_gflops\": %.2f, "
                "\"peak_gflops_per_core\": %.2f,\n"
                "   \"isa\": \"%s\", \"blas\": \"%s\"}%s\n",
                r->ranks, r->threads, r->batch, r->grain, r->train.median, r->train.low,
                r->train.high, r->forward.median, r->forward.low, r->forward.high,
                r->train.cpu, r->forward.cpu, r->train.median * r->dense * 1e-9,
                r->train.median * r->truly * 1e-9, peak * 1e-9, cpu_isa_name(cpu_isa()),
                cpu_blas(), i + 1 < count ? "," : "");
    }
    log_out("]\n");
}

enum status bench_step(struct comm *comm, const struct bench_request *request)
{
    struct option_list batches, threads;
    struct config config;
    TRY(option_list_read("batch", request->batches, &batches));
    TRY(option_list_read("threads", request->threads, &threads));
    for (int t = 0; t < threads.count; t++)
        TRY(placement_check_threads(comm, threads.value[t]));
    double registers = peak_registers(), sgemm = peak_sgemm();
    if (!request->json && !request->lines)
        bench_print_machine(registers, sgemm);
    int count = 0;
    struct trial_row rows[OPTION_LIST * OPTION_LIST] = {{.batch = 0}};
    enum status st;
    TRY_TO(out, trial_config_read(request->config, request->grain, request->image_size,
                                  &config));
    const struct trial_source source = trial_config_source(&config, request->data);
    for (int t = 0; t < threads.count; t++) {
        for (int b = 0; b < batches.count; b++) {
            struct trial_row *row = &rows[count++];
            *row = (struct trial_row){.source = source,
                                      .batch = batches.value[b],
                                      .threads = threads.value[t],
                                      .ranks = comm_size(comm),
                                      .train_only = request->train_only};
            TRY_TO(out, trial_steps(comm, &config.model, &config.run,
                                    (int)request->repeats, row));
        }
    }
    for (int i = 0; request->lines && i < count; i++)
        grid_print_line(&rows[i]);
    if (request->json)
        bench_print_step_json(rows, count, registers);
    else if (!request->lines)
        bench_print_step_table(rows, count, registers);
out:
    config_release(&config);
    return st;
}
