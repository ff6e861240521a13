/* lockstep lab: the parallelism laboratory. Here: layer by layer. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli.h"
#include "app/commands.h"
#include "app/config.h"
#include "app/run.h"
#include "base/log.h"
#include "cmd_lab.h"
#include "comm/comm.h"
#include "data/synth.h"
#include "kernels/cpu.h"
#include "trial.h"

#define BATCH_MOST 4096

struct lab_request {
    const char *threads, *out, *layers, *config;
    long long batch;
    double seconds;
    bool all;
};

static void progress(const struct measure_subject *subject)
{
    log_progress("measuring %s", subject->name);
}

/* Thread counts in rising order, 1 the first of them: the others are compared with it. */
static enum status read_threads(const char *text, struct trial_list *list)
{
    char both[32];
    snprintf(both, sizeof both, "1,%d", cpu_allowed());
    TRY(trial_parse_list("threads", text ? text : both, MACHINE_THREADS, list));
    for (int i = 0; i < list->count; i++)
        TRY(run_check_threads(list->value[i]));
    struct trial_list sorted = {.count = 1, .value = {1}};
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

static enum status measure(const struct lab_request *request, const struct config *config,
                           const struct machine *machine, struct measure_table *table)
{
    float *images = trial_images((int)request->batch);
    const struct measure_request wanted = {
        .spec = &config->model,
        .in = {SYNTH_SIZE, SYNTH_SIZE, 1},
        .classes = SYNTH_CLASSES,
        .batch = (int)request->batch,
        .images = images,
        .machine = machine,
        .layers = request->layers,
        .seconds = request->seconds,
        .progress = progress,
    };
    enum status st = measure_layers(&wanted, table);
    free(images);
    return st;
}

static enum status run(const struct lab_request *request)
{
    struct config config;
    struct trial_list threads;
    struct machine machine;
    struct measure_table table = {0};
    TRY(read_threads(request->threads, &threads));
    enum status st;
    TRY_TO(out, trial_read_config(request->config, 0, &config));
    machine_measure(&machine, threads.value, threads.count);
    lab_print_machine(&machine);
    TRY_TO(out, measure(request, &config, &machine, &table));
    for (int t = 1; t < machine.teams; t++)
        lab_print_flow(&table, &machine, machine.team[t].threads);
    lab_print_rows(&table, &machine);
out:
    measure_release(&table);
    config_release(&config);
    return st;
}

enum status lab_layers(int argc, char **argv)
{
    struct lab_request request = {.batch = 16, .seconds = 60};
    const struct cli_option options[] = {
        {"threads", CLI_TEXT, &request.threads, "T,T,...",
         "numbers of threads (1 and all allowed CPUs)"},
        {"batch", CLI_INT, &request.batch, "N", "images in a batch (16)"},
        {"layers", CLI_TEXT, &request.layers, "PATTERN",
         "only these: 'conv*', 'linear1', 'conv1-gelu1'"},
        {"seconds", CLI_REAL, &request.seconds, "S",
         "for measuring the layers, roughly (60)"},
        {"out", CLI_TEXT, &request.out, "FILE", "HDF5, for scripts/plot_lab.py"},
        {0},
    };
    const struct cli_command command = {
        "lab", "[batch|threads] [CONFIG]", 0, 1,
        "Measure every way to split every layer of the reference network, or of\n"
        "CONFIG's, over threads, on 28x28 images; 'lab batch': batch sizes;\n"
        "'lab threads': numbers of ranks and threads (each with --help)."};
    int count;
    TRY(cli_parse(&command, options, argc, argv, &request.config, &count));
    if (count < 0)
        return ST_OK;
    if (count == 0)
        request.config = NULL;
    if (request.batch < 1 || request.batch > BATCH_MOST)
        FAIL(ST_USAGE, "'--batch %lld': expected a number from 1 to %d", request.batch,
             BATCH_MOST);
    return run(&request);
}

enum status cmd_lab(struct comm *comm, int argc, char **argv)
{
    if (argc > 0 && strcmp(argv[0], "batch") == 0)
        return lab_batch(comm, argc - 1, argv + 1);
    if (argc > 0 && strcmp(argv[0], "threads") == 0)
        return lab_threads(comm, argc - 1, argv + 1);
    return comm_rank(comm) == 0 ? lab_layers(argc, argv) : ST_OK;
}
