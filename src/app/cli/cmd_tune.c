/* tune: measure how this machine's threads best share a network's work, and keep it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/cli/commands.h"
#include "app/config/config.h"
#include "app/run/placement.h"
#include "app/run/stall.h"
#include "app/run/tuning.h"
#include "app/version.h"
#include "base/log.h"
#include "base/table.h"
#include "comm/comm.h"
#include "data/synth.h"
#include "kernels/cpu.h"
#include "trial.h"
#include "ways.h"

#define WAYS   32
#define IMAGES 2048 /* at least so many are gone through */

struct request {
    const char *batches, *config;
    long long threads, grain, stall_timeout;
    bool layouts;
};

static void print_candidates(const struct tuning *tuning, int batch, int grains)
{
    const struct tune_result *result = tuning->result;
    struct table table;
    double rule = result->candidate[0].seconds;
    table_init(&table, ">batch", "<plan", "<threads", ">buckets KB", ">ms/step",
               ">images/s", ">against the rule", "<", NULL);
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

static void pass_cells(struct table *table, const struct tune_pass *pass, unsigned used)
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

static unsigned splits_used(const struct tune_team *team, int steps)
{
    unsigned used = 0;
    for (int s = 0; s < steps; s++)
        for (int split = 0; split < SPLITS; split++)
            if (team->forward[s].seconds[split] > 0 ||
                team->backward[s].seconds[split] > 0)
                used |= SPLIT_BIT(split);
    return used;
}

static void print_team(const struct model *model, const struct tune_team *team)
{
    struct table table = {0};
    unsigned used = splits_used(team, model->ops);
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
    for (int s = 0; s < model->ops; s++) {
        table_cellf(&table, "%s", model->op[s]->name);
        table_cellf(&table, "forward");
        pass_cells(&table, &team->forward[s], used);
        if (s < model_first_op(model))
            continue;
        table_cellf(&table, "%s", "");
        table_cellf(&table, "backward");
        pass_cells(&table, &team->backward[s], used);
    }
    table_print(&table);
    table_release(&table);
    log_out("\n");
}

static enum status tune_batch(struct comm *comm, struct config *config, int threads,
                              int batch)
{
    struct dataset dataset = {0};
    struct model model = {0};
    struct tuning tuning = {.result = NULL};
    int grain = config->run.train.grain, size = comm_size(comm);
    config->run.train.batch = batch;
    enum status st;
    TRY_TO(out, trial_open_letters(comm, IMAGES, batch, &dataset));
    TRY_TO(out,
           model_init(&model, &config->model, (struct shape){SYNTH_SIZE, SYNTH_SIZE, 1},
                      SYNTH_CLASSES, grain));
    const struct trainer_setup setup = {
        .comm = comm,
        .dataset = &dataset,
        .model = &model,
        .options = &config->run,
        .config_text = "",
        .version = app_version(),
    };
    TRY_TO(out, tuning_choose(&setup, threads, TUNING_FORCE, &tuning));
    int grains = ((batch + grain - 1) / grain + size - 1) / size;
    if (!tuning.result) {
        log_out("batch %d: %s; nothing to choose\n", batch,
                plan_summary(&tuning.plan, grains));
        goto out;
    }
    for (int i = 0; i < tuning.result->teams; i++)
        print_team(&model, &tuning.result->team[i]);
    print_candidates(&tuning, batch, grains);
out:
    tuning_release(&tuning);
    model_release(&model);
    dataset_close(&dataset);
    return st;
}

/* All CPUs in every split into ranks and threads. Only what starts mpirun can choose
   that: it is said, not kept. */
static enum status advise(const char *config, int batch)
{
    struct way ways[WAYS];
    int count = 0, cpus = cpu_allowed();
    for (int ranks = 1; ranks <= cpus && count < WAYS; ranks++)
        if (cpus % ranks == 0)
            ways[count++] = (struct way){.ranks = ranks, .threads = cpus / ranks};
    const struct ways_request request = {.config = config, .batch = batch, .repeats = 5};
    TRY(ways_measure(&request, ways, count));
    for (int i = 0; i < count; i++)
        log_out("batch %d by %d rank%s x %d thread%s: %.0f images/s (%.0f-%.0f)\n", batch,
                ways[i].ranks, ways[i].ranks > 1 ? "s" : "", ways[i].threads,
                ways[i].threads > 1 ? "s" : "", ways[i].rate, ways[i].low, ways[i].high);
    const struct way *best = ways_best(ways, count, cpus);
    bool clear = true;
    for (int i = 0; i < count; i++)
        clear = clear && (best == &ways[i] || ways[i].high < best->low);
    log_out("%s: 'scripts/launch.sh -n %d lockstep train ... --threads %d'\n\n",
            clear ? "fastest on this node"
                  : "fastest this time, but not by more than they spread",
            best->ranks, best->threads);
    return ST_OK;
}

enum status cmd_tune(struct comm *comm, int argc, char **argv)
{
    struct request request = {.stall_timeout = STALL_TIMEOUT};
    const struct cli_option options[] = {
        {"batch", CLI_TEXT, &request.batches, "N,N,...", "batch sizes (the config's)"},
        {"threads", CLI_INT, &request.threads, "T",
         "per rank (the rank's share of CPUs)"},
        {"grain", CLI_INT, &request.grain, "N", "instead of the config's"},
        {"layouts", CLI_FLAG, &request.layouts, NULL,
         "also: the node's CPUs in every split into ranks and threads"},
        {"stall-timeout", CLI_INT, &request.stall_timeout, "SECONDS", STALL_HELP},
        {0},
    };
    const struct cli_command command = {
        "tune", "[CONFIG]", 0, 1,
        "Measure how threads best share the work of the reference network or of "
        "CONFIG's\non 28x28 images, and keep the answer for 'lockstep train'; also "
        "under mpirun."};
    const char *operand[1] = {NULL};
    struct config config;
    struct trial_list batches;
    struct placement ranks;
    int count;
    TRY(cli_parse(&command, options, argc, argv, operand, &count));
    if (count < 0)
        return ST_OK;
    TRY(stall_watch(comm, request.stall_timeout));
    TRY(placement_check_threads(comm, request.threads));
    if (request.batches)
        TRY(trial_read_list("batch", request.batches, &batches));
    enum status st;
    TRY_TO(out, trial_read_config(operand[0], request.grain, &config));
    if (!request.batches)
        batches = (struct trial_list){1, {config.run.train.batch}};
    placement_init(&ranks, comm, (int)request.threads);
    placement_print(&ranks);
    int threads = placement_threads(&ranks, comm);
    placement_release(&ranks);
    for (int i = 0; i < batches.count; i++)
        TRY_TO(out, tune_batch(comm, &config, threads, batches.value[i]));
    bool alone = comm_size(comm) == 1 && !getenv("OMPI_COMM_WORLD_SIZE");
    for (int i = 0; alone && request.layouts && i < batches.count; i++)
        TRY_TO(out, advise(operand[0], batches.value[i]));
out:
    config_release(&config);
    return st;
}
