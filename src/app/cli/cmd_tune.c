/* lockstep tune: measures how threads and ranks best divide a training step, and keeps
   the plan for training. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/config/config.h"
#include "app/run/agree.h"
#include "app/run/placement.h"
#include "app/run/prepare.h"
#include "app/run/stall.h"
#include "app/run/trial_config.h"
#include "app/run/tuning.h"
#include "app/version.h"
#include "base/div.h"
#include "base/grain.h"
#include "base/log.h"
#include "base/table.h"
#include "comm/comm.h"
#include "kernels/cpu.h"
#include "lab/grid.h"
#include "lab/trial.h"
#include "nn/param_group.h"
#include "option_list.h"

#define TUNE_POINTS 32
#define TUNE_IMAGES 2048 /* of the data set */

struct tune_request {
    const char *batches, *data, *image_size;
    long long threads, grain, stall_timeout;
    bool layouts;
};

static void tune_print_candidates(const struct tuning *tuning, int batch, int grains)
{
    const struct tune_result *result = tuning->result;
    struct table table;
    double rule = result->candidate[0].seconds;
    table_init(&table, ">batch", "<plan", "<threads", ">buckets KB", ">ms/step",
               ">images/s", ">speed-up over rule", "<", NULL);
    for (int i = 0; i < result->candidates; i++) {
        const struct tune_candidate *c = &result->candidate[i];
        table_cellf(&table, "%d", batch);
        table_cellf(&table, "%s", c->name);
        table_cellf(&table, "%s", plan_summary(&c->plan, grains));
        table_cellf(&table, "%zu", c->plan.bucket * sizeof(float) / 1024);
        table_cellf(&table, "%.3f", c->seconds * 1e3);
        table_cellf(&table, "%.0f", batch / c->seconds);
        table_cellf(&table, "%.2fx", rule / c->seconds);
        table_cellf(&table, "%s", i == result->chosen ? "chosen" : "");
    }
    table_print(&table);
    table_release(&table);
    log_out("\n");
}

static void tune_pass_cells(struct table *table, const struct tune_pass *pass,
                            unsigned used)
{
    for (int split = 0; split < SPLITS; split++) {
        if (!(used & SPLIT_BIT(split)))
            continue;
        if (pass->seconds[split] > 0)
            table_cellf(table, "%.1f", pass->seconds[split] * 1e6);
        else
            table_cellf(table, "-");
    }
    double best = pass->seconds[pass->best];
    table_cellf(table, "%s", split_name(pass->best));
    table_cellf(table, "%.2fx", pass->seconds[SPLIT_SEQUENTIAL] / best);
}

static unsigned tune_splits_used(const struct tune_team *team, int ops)
{
    unsigned used = 0;
    for (int o = 0; o < ops; o++)
        for (int split = 0; split < SPLITS; split++)
            if (team->forward[o].seconds[split] > 0 ||
                team->backward[o].seconds[split] > 0)
                used |= SPLIT_BIT(split);
    return used;
}

static void tune_print_team(const struct model *model, const struct tune_team *team)
{
    struct table table = {0};
    unsigned used = tune_splits_used(team, model->ops);
    table_head(&table, "<layer");
    table_head(&table, "<pass");
    for (int split = 0; split < SPLITS; split++) {
        char head[32];
        snprintf(head, sizeof head, ">%s", split_name((enum split)split));
        if (used & SPLIT_BIT(split))
            table_head(&table, head);
    }
    table_head(&table, "<best");
    table_head(&table, ">speed-up");
    log_out("%d threads that share a grain of %d images, us:\n", team->members, team->n);
    for (int o = 0; o < model->ops; o++) {
        table_cellf(&table, "%s", model->op[o]->name);
        table_cellf(&table, "forward");
        tune_pass_cells(&table, &team->forward[o], used);
        if (!model_goes_back(model, o))
            continue;
        table_cellf(&table, "%s", "");
        table_cellf(&table, "backward");
        tune_pass_cells(&table, &team->backward[o], used);
    }
    table_print(&table);
    table_release(&table);
    log_out("\n");
}

static enum status tune_batch(struct comm *comm, struct config *config,
                              const struct trial_source *source, int threads, int batch)
{
    struct run_options options = trial_options(&config->run);
    struct dataset dataset = {0};
    struct model model = {0};
    struct tuning tuning = {.result = NULL};
    struct shape in;
    struct agree agree; /* on the model: memory may be missing on some hosts only */
    int grain = options.train.grain, size = comm_size(comm);
    options.train.batch = batch;
    enum status st;
    TRY_TO(out, trial_open(comm, source, TUNE_IMAGES, batch, &dataset));
    TRY_TO(out, input_crop_of_dataset(&options.input.crop, &dataset.info, &in));
    if (dataset.info.multi_label) /* as the training does, which finds the plan by it */
        model_spec_use_logsigmoid(&config->model);
    agree_begin(&agree);
    st = model_init(&model, &config->model, in, dataset.info.classes, grain);
    if (st == ST_OK)
        st = param_groups_check(&options.optim.groups, &model);
    TRY_TO(out, agree_end(&agree, comm, st));
    const struct trainer_setup setup = {
        .comm = comm,
        .dataset = &dataset,
        .model = &model,
        .options = &options,
        .config_text = "",
        .version = app_version(),
    };
    TRY_TO(out, tuning_choose(&setup, threads, TUNING_FORCE, &tuning));
    int grains = div_up(grain_count((uint64_t)batch, grain), size);
    if (!tuning.result) {
        log_out("batch %d: %s; nothing to choose\n", batch,
                plan_summary(&tuning.plan, grains));
        goto out;
    }
    for (int i = 0; i < tuning.result->teams; i++)
        tune_print_team(&model, &tuning.result->team[i]);
    tune_print_candidates(&tuning, batch, grains);
out:
    tuning_release(&tuning);
    model_release(&model);
    dataset_close(&dataset);
    return st;
}

/* All CPUs as every product of ranks and threads. Only the user who starts mpirun can
   choose among these, so the result is printed, not kept. */
static enum status tune_print_layouts(const char *config,
                                      const struct tune_request *request, int batch)
{
    struct grid_point points[TUNE_POINTS];
    int count = 0, cpus = cpu_usable();
    for (int ranks = 1; ranks <= cpus && count < TUNE_POINTS; ranks++)
        if (cpus % ranks == 0)
            points[count++] =
                (struct grid_point){.ranks = ranks, .threads = cpus / ranks};
    const struct grid_setup setup = {.config = config,
                                     .data = request->data,
                                     .image_size = request->image_size,
                                     .batch = batch,
                                     .repeats = 5,
                                     .hidden = PREPARE_VARIABLE};
    TRY(grid_measure(&setup, points, count));
    for (int i = 0; i < count; i++)
        log_out("batch %d by %d rank%s x %d thread%s: %.0f images/s (%.0f-%.0f)\n", batch,
                points[i].ranks, points[i].ranks > 1 ? "s" : "", points[i].threads,
                points[i].threads > 1 ? "s" : "", points[i].rate, points[i].low,
                points[i].high);
    const struct grid_point *best = grid_best(points, count, cpus);
    bool clear = true;
    for (int i = 0; i < count; i++)
        clear = clear && (best == &points[i] || points[i].high < best->low);
    log_out("%s: 'scripts/launch.sh -n %d lockstep train ... --threads %d'\n\n",
            clear ? "fastest on this node"
                  : "fastest this time, but within the spread of another",
            best->ranks, best->threads);
    return ST_OK;
}

enum status cmd_tune(struct comm *comm, int argc, char **argv)
{
    struct tune_request request = {.stall_timeout = STALL_TIMEOUT};
    const struct cli_option options[] = {
        {"batch", CLI_TEXT, &request.batches, "N,N,...",
         "batch sizes, default the config's"},
        {"threads", CLI_INT, &request.threads, "T",
         "threads per rank, default the rank's share of the CPUs"},
        {"grain", CLI_INT, &request.grain, "N",
         "samples per grain, instead of the config's"},
        {"data", CLI_TEXT, &request.data, "FILE",
         "data set to measure with, instead of built-in letters"},
        {"image-size", CLI_TEXT, &request.image_size, "N|HxW", CLI_IMAGE_SIZE_HELP},
        {"layouts", CLI_FLAG, &request.layouts, NULL,
         "also try the node's CPUs as every product of ranks and threads"},
        {"stall-timeout", CLI_INT, &request.stall_timeout, "SECONDS", STALL_HELP},
        {0},
    };
    const struct cli_command command = {
        "tune", "[CONFIG]", 0, 1,
        "Measure how threads best divide the work of the reference network or of\n"
        "CONFIG's on built-in letters or the images of --data, and keep the plan for\n"
        "'lockstep train'; also under mpirun.\n" CLI_CONFIG_HELP};
    const char *operand[1] = {NULL};
    struct config config;
    struct option_list batches;
    struct placement ranks;
    int count;
    TRY(cli_parse(&command, options, argc, argv, operand, &count));
    if (count < 0)
        return ST_OK;
    TRY(stall_watch(comm, request.stall_timeout));
    TRY(placement_check_threads(comm, request.threads));
    if (request.batches)
        TRY(option_list_read("batch", request.batches, &batches));
    enum status st;
    TRY_TO(out,
           trial_config_read(operand[0], request.grain, request.image_size, &config));
    if (!request.batches)
        batches = (struct option_list){1, {config.run.train.batch}};
    placement_init(&ranks, comm, (int)request.threads);
    placement_print(&ranks);
    int threads = placement_threads(&ranks, comm);
    placement_release(&ranks);
    const struct trial_source source = trial_config_source(&config, request.data);
    for (int i = 0; i < batches.count; i++)
        TRY_TO(out, tune_batch(comm, &config, &source, threads, batches.value[i]));
    bool alone = comm_size(comm) == 1 && !getenv("OMPI_COMM_WORLD_SIZE");
    for (int i = 0; alone && request.layouts && i < batches.count; i++)
        TRY_TO(out, tune_print_layouts(operand[0], &request, batches.value[i]));
out:
    config_release(&config);
    return st;
}
