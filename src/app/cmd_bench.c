#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/run.h"
#include "app/tuning.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "base/timer.h"
#include "cmd_bench.h"
#include "comm/comm.h"
#include "data/dataset.h"
#include "data/synth.h"
#include "kernels/cpu.h"
#include "kernels/peak.h"
#include "train/trainer.h"
#include "trial.h"

#define IMAGES  2048 /* at least so many are gone through */
#define SECONDS 0.3  /* least length of one of the repeated runs */

/* --- bench step --- */

struct rate {
    double median, low, high; /* images per second */
};

struct row {
    int batch, threads, ranks, grain;
    struct rate train, forward;
    double dense, truly; /* FLOPs of a training step per image */
};

static enum status measure(struct trainer *trainer, struct comm *comm, int batch,
                           int repeats, bool forward, struct rate *rate)
{
    double seconds, *rates = mem_zeroed((size_t)repeats, sizeof *rates);
    enum status st;
    int count = 1;
    TRY_TO(out, trainer_time_steps(trainer, 2, forward, &seconds)); /* warm up */
    for (;; count *= 2) {
        TRY_TO(out, trainer_time_steps(trainer, count, forward, &seconds));
        comm_max_f64(comm, &seconds, 1);
        if (seconds > SECONDS)
            break;
    }
    for (int i = 0; i < repeats; i++) {
        TRY_TO(out, trainer_time_steps(trainer, count, forward, &seconds));
        rates[i] = (double)count * batch / seconds;
    }
    double median = timer_median(rates, repeats);
    *rate = (struct rate){median, rates[0], rates[repeats - 1]};
out:
    free(rates);
    return st;
}

static void count_flops(const struct model *model, struct row *row)
{
    for (int s = 0; s < model->steps; s++) {
        struct model_work work = model_step_work(model, s);
        row->dense += work.dense_forward + work.dense_backward;
        row->truly += work.true_forward + work.true_backward;
    }
}

/* The config's grain, but small enough that no thread of any rank goes without. */
static int grain_for(const struct row *row, int grain)
{
    int workers = row->ranks * row->threads;
    int share = (row->batch + workers - 1) / workers;
    return share < grain ? share : grain;
}

static enum status bench_row(struct comm *comm, const struct bench_request *request,
                             struct config *config, struct row *row)
{
    struct dataset dataset = {0};
    struct model model = {0};
    int grain = config->run.train.grain;
    config->run.train.batch = row->batch;
    config->run.train.grain = row->grain = grain_for(row, grain);
    enum status st;
    TRY_TO(out, trial_open_letters(comm, IMAGES, row->batch, &dataset));
    TRY_TO(out,
           model_init(&model, &config->model, (struct shape){SYNTH_SIZE, SYNTH_SIZE, 1},
                      SYNTH_CLASSES, config->run.train.grain));
    struct parallel_plan plan;
    tuning_rule(config->run.parallel.intra, row->threads, &plan);
    const struct trainer_setup setup = {
        .comm = comm,
        .dataset = &dataset,
        .model = &model,
        .options = &config->run,
        .plan = &plan,
        .folder = NULL,
        .config_text = "",
        .version = app_version(),
    };
    struct trainer *trainer = trainer_create(&setup);
    trainer_start(trainer);
    st = measure(trainer, comm, row->batch, (int)request->repeats, false, &row->train);
    if (st == ST_OK)
        st = measure(trainer, comm, row->batch, (int)request->repeats, true,
                     &row->forward);
    count_flops(&model, row);
    trainer_free(trainer);
out:
    model_release(&model);
    dataset_close(&dataset);
    config->run.train.grain = grain;
    return st;
}

static void print_rows(const struct row *rows, int count, double peak)
{
    struct table table;
    table_init(&table, ">ranks", ">threads", ">batch", ">grain", ">train images/s",
               ">spread", ">forward images/s", ">spread", ">GFLOP/s dense", ">true",
               ">% of peak", NULL);
    for (int i = 0; i < count; i++) {
        const struct row *r = &rows[i];
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

static void print_json(const struct row *rows, int count, double peak)
{
    log_out("[\n");
    for (int i = 0; i < count; i++) {
        const struct row *r = &rows[i];
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
        TRY(run_check_threads(comm, threads.value[t]));
    double registers = peak_registers(), sgemm = peak_sgemm();
    if (!request->json)
        bench_print_machine(registers, sgemm);
    int count = 0;
    struct row rows[TRIAL_LIST * TRIAL_LIST] = {{0}};
    enum status st;
    TRY_TO(out, trial_read_config(request->config, request->grain, &config));
    for (int t = 0; t < threads.count; t++) {
        for (int b = 0; b < batches.count; b++) {
            struct row *row = &rows[count++];
            *row = (struct row){.batch = batches.value[b],
                                .threads = threads.value[t],
                                .ranks = comm_size(comm)};
            TRY_TO(out, bench_row(comm, request, &config, row));
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
    struct bench_request request = {.batches = "16,64,256,1024",
                                    .threads = NULL,
                                    .repeats = 7,
                                    .stall_timeout = RUN_STALL_TIMEOUT};
    const struct cli_option options[] = {
        {"batch", CLI_TEXT, &request.batches, "N,N,...", "batch sizes (16,64,256,1024)"},
        {"threads", CLI_TEXT, &request.threads, "T,T,...",
         "threads per rank (1 and all of its share)"},
        {"repeats", CLI_INT, &request.repeats, "N",
         "runs of which the median is told (7)"},
        {"grain", CLI_INT, &request.grain, "N", "instead of the config's"},
        {"json", CLI_FLAG, &request.json, NULL, "an array of objects instead of a table"},
        {"stall-timeout", CLI_INT, &request.stall_timeout, "SECONDS", RUN_STALL_HELP},
        {0},
    };
    const struct cli_command command = {
        "bench", "step|layers [CONFIG]", 1, 2,
        "Measure whole training steps, or each layer, of the reference network or of\n"
        "CONFIG's, on 28x28 images; steps also under mpirun."};
    const char *operand[2];
    char both[32];
    int count;
    TRY(cli_parse(&command, options, argc, argv, operand, &count));
    if (count < 0)
        return ST_OK;
    request.config = count > 1 ? operand[1] : NULL;
    if (request.repeats < 1)
        FAIL(ST_USAGE, "'--repeats 0': at least one is needed");
    TRY(run_watch(comm, request.stall_timeout));
    struct run_ranks ranks;
    run_ranks_init(&ranks, comm, 0);
    int share = run_threads(&ranks, comm);
    run_ranks_release(&ranks);
    snprintf(both, sizeof both, share > 1 ? "1,%d" : "1", share);
    if (!request.threads)
        request.threads = both;
    if (strcmp(operand[0], "step") == 0)
        return bench_step(comm, &request);
    if (strcmp(operand[0], "layers") == 0)
        return comm_agree(comm, comm_rank(comm) == 0 ? bench_layers(&request) : ST_OK);
    FAIL(ST_USAGE, "'bench %s': expected step or layers", operand[0]);
}
