/* lockstep lab: the parallelism laboratory; here the measurement layer by layer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/config/config.h"
#include "app/run/placement.h"
#include "app/run/trial_config.h"
#include "app/version.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd_lab.h"
#include "comm/comm.h"
#include "kernels/cpu.h"
#include "lab/trial.h"
#include "nn/param_group.h"
#include "option_list.h"

#define LAB_BATCH_MOST 4096

struct lab_request {
    const char *threads, *out, *layers, *data, *config, *image_size;
    long long batch;
    double seconds;
};

static void lab_progress(const struct strategy_subject *subject)
{
    log_progress("measuring %s", subject->name);
}

/* Thread counts in ascending order. The first is 1, with which the others are
   compared. */
static enum status lab_read_threads(struct comm *comm, const char *text,
                                    struct option_list *list)
{
    char both[32];
    int most = cpu_usable() < MACHINE_THREADS ? cpu_usable() : MACHINE_THREADS;
    snprintf(both, sizeof both, "1,%d", most);
    TRY(option_list_read("threads", text ? text : both, list));
    for (int i = 0; i < list->count; i++) {
        TRY(placement_check_threads(comm, list->value[i]));
        if (list->value[i] > MACHINE_THREADS)
            FAIL(ST_USAGE, "'--threads %s': at most %d threads are compared", text,
                 MACHINE_THREADS);
    }
    struct option_list sorted = {.count = 1, .value = {1}};
    for (int threads = 2; threads <= MACHINE_THREADS; threads++) {
        bool found = false;
        for (int i = 0; i < list->count; i++)
            found = found || list->value[i] == threads;
        if (found && sorted.count == MACHINE_TEAMS)
            FAIL(ST_USAGE, "'--threads %s': at most %d thread counts", text,
                 MACHINE_TEAMS);
        if (found)
            sorted.value[sorted.count++] = threads;
    }
    *list = sorted;
    return ST_OK;
}

static void lab_note_load(const struct machine *machine)
{
    double load;
    if (getloadavg(&load, 1) == 1 && load > 0.3 * machine->cpus)
        log_note("the load average is %.1f: other work disturbs the measurement; measure "
                 "again when the machine is quiet",
                 load);
}

static enum status lab_measure(const struct lab_request *request,
                               const struct config *config,
                               const struct trial_input *input, struct results *results)
{
    struct model model = {0};
    const struct strategy_table_setup setup = {
        .spec = &config->model,
        .in = input->in,
        .classes = input->classes,
        .batch = (int)request->batch,
        .images = input->images,
        .machine = &results->machine,
        .layers = request->layers,
        .seconds = request->seconds,
        .progress = lab_progress,
    };
    enum status st = model_init(&model, &config->model, input->in, input->classes, 1);
    if (st == ST_OK)
        st = param_groups_check(&config->run.optim.groups, &model);
    if (st == ST_OK)
        st = strategy_table_measure(&setup, &results->table);
    if (st == ST_OK) {
        log_progress("running the microbenchmarks");
        results_microbench(results, &model);
        claims_results(results, results->claim);
    }
    model_release(&model);
    return st;
}

/* A note if other work disturbed the measurement. */
static void lab_note_disturbed(const struct strategy_table *table)
{
    double share = 0;
    for (int i = 0; i < table->rows; i++)
        share += table->row[i].disturbed / table->rows;
    if (share > 0.02)
        log_note("other work took a CPU in %.0f %% of all turns; these are not counted",
                 100 * share);
}

static void lab_print(const struct results *results)
{
    for (int t = 1; t < results->machine.teams; t++)
        lab_print_speedups(&results->table, &results->machine,
                           results->machine.team[t].threads);
    lab_print_rows(&results->table);
    lab_print_microbench(results);
}

static enum status lab_run(struct comm *comm, const struct lab_request *request)
{
    struct config config = {0};
    struct trial_input input = {.images = NULL};
    struct option_list threads;
    struct results *results = mem_zeroed(1, sizeof *results);
    enum status st;
    TRY_TO(out, lab_read_threads(comm, request->threads, &threads));
    TRY_TO(out, trial_config_read(request->config, 0, request->image_size, &config));
    const char *const inputs[] = {request->config, request->data};
    if (request->out)
        TRY_TO(out, target_check(request->out, &results_target, inputs, 2));
    const struct trial_source source = trial_config_source(&config, request->data);
    TRY_TO(out,
           trial_input(&source, &config.run.input.crop, (int)request->batch, &input));
    machine_measure(&results->machine, threads.value, threads.count);
    lab_print_machine(&results->machine);
    lab_note_load(&results->machine);
    TRY_TO(out, lab_measure(request, &config, &input, results));
    lab_print(results);
    lab_note_disturbed(&results->table);
    if (request->out)
        TRY_TO(out, results_write(results, request->out, app_version()));
out:
    strategy_table_release(&results->table);
    free(input.images);
    config_release(&config);
    free(results);
    return st;
}

static enum status lab_layers(struct comm *comm, int argc, char **argv)
{
    struct lab_request request = {.batch = 16, .seconds = 60};
    const struct cli_option options[] = {
        {"threads", CLI_TEXT, &request.threads, "T,T,...",
         "numbers of threads, default 1 and that of the allowed CPUs"},
        {"batch", CLI_INT, &request.batch, "N", "images in a batch, default 16"},
        {"data", CLI_TEXT, &request.data, "FILE",
         "images of a data set, default built-in letters"},
        {"image-size", CLI_TEXT, &request.image_size, "N|HxW", CLI_IMAGE_SIZE_HELP},
        {"layers", CLI_TEXT, &request.layers, "PATTERN",
         "only layers that match: 'conv*', 'linear1', 'conv1-gelu1'"},
        {"seconds", CLI_REAL, &request.seconds, "S",
         "time for measuring the layers, roughly, default 60"},
        {"out", CLI_TEXT, &request.out, "FILE", "HDF5, for scripts/plot_lab.py"},
        {0},
    };
    const struct cli_command command = {
        "lab", "[batch|threads] [CONFIG]", 0, 1,
        "Measure every way to divide every layer of the reference network, or of\n"
        "CONFIG's, among threads. 'lab batch' measures batch sizes, 'lab threads' "
        "numbers\n"
        "of ranks and threads (each has --help).\n" CLI_CONFIG_HELP};
    int count;
    TRY(cli_parse(&command, options, argc, argv, &request.config, &count));
    if (count < 0)
        return ST_OK;
    if (count == 0)
        request.config = NULL;
    if (comm_size(comm) > 1)
        FAIL(ST_USAGE,
             "'lab' measures the threads of one process; start it without mpirun "
             "('lab batch' takes ranks)");
    if (request.batch < 1 || request.batch > LAB_BATCH_MOST)
        FAIL(ST_USAGE, "'--batch %lld': expected a number from 1 to %d", request.batch,
             LAB_BATCH_MOST);
    return lab_run(comm, &request);
}

enum status cmd_lab(struct comm *comm, int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], "batch") == 0)
        return lab_batch(comm, argc - 1, argv + 1);
    if (argc > 0 && strcmp(argv[0], "threads") == 0)
        return lab_threads(comm, argc - 1, argv + 1);
    return lab_layers(comm, argc, argv);
}
