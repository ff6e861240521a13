#include "app/stages.h"

#include <stdlib.h>

#include "app/run.h"
#include "base/log.h"
#include "base/mem.h"
#include "lab/layers.h"
#include "nn/workspace.h"

#define KEY           "parallel.stages"
#define VECTORS_LEAST 5 /* weights, optimizer state, gradient, sum, decay mask */

static enum status check_options(const struct comm *comm, const struct model *model,
                                 const struct parallel_options *options, bool alone)
{
    int stages = options->pipeline, size = comm_size(comm);
    if (stages > model->units)
        FAIL(ST_USAGE,
             "parallel.pipeline = %d: the network has %d layers with parameters: that is "
             "the most stages it can be cut into",
             stages, model->units);
    if (stages == 1 && *options->stages)
        FAIL(ST_USAGE, KEY " needs parallel.pipeline = the number of its stages");
    if (size % stages != 0 && !alone)
        FAIL(ST_USAGE,
             "parallel.pipeline = %d does not divide the number of ranks, %d: "
             "start %d, or a multiple of it",
             stages, size, stages);
    return ST_OK;
}

static enum status read_cut(struct model_cut *cut, const struct model *model,
                            const struct parallel_options *options)
{
    TRY(cut_read(cut, model, KEY, options->stages));
    if (cut->parts != options->pipeline)
        FAIL(ST_USAGE, KEY " names %d stage%s, parallel.pipeline is %d", cut->parts,
             cut->parts > 1 ? "s" : "", options->pipeline);
    return ST_OK;
}

/* A layer that no process can hold cannot be cut, nor can it be measured. */
static enum status check_unit(const struct model *unit)
{
    double vectors = (double)unit->params * VECTORS_LEAST * sizeof(float);
    double wanted = (double)workspace_bytes(unit) + vectors, limit = (double)mem_limit();
    const struct model_cut all = {.parts = 1, .first = {0, 1}};
    if (wanted <= limit)
        return ST_OK;
    char *name = cut_part_text(&all, unit, 0);
    enum status st = status_fail(
        ST_USAGE,
        "parallel.pipeline: layer '%s' alone takes more than %.2f GB, a process "
        "may have %.2f here; make it or train.grain smaller",
        name, wanted / 1e9, limit / 1e9);
    free(name);
    return st;
}

static enum status check_units(const struct model *model)
{
    enum status st = ST_OK;
    for (int u = 0; u < model->units && st == ST_OK; u++) {
        struct model unit;
        model_part(&unit, model, u, u + 1);
        st = check_unit(&unit);
        model_release(&unit);
    }
    return st;
}

/* One by one: no process need ever hold more than one. */
static void measure_units(const struct model *model, double *cost)
{
    for (int u = 0; u < model->units; u++) {
        struct model unit;
        model_part(&unit, model, u, u + 1);
        cost[u] = layers_unit_seconds(&unit);
        model_release(&unit);
    }
}

/* Rank 0 measures for all. */
static enum status measure_cut(struct stages *stages, struct comm *comm,
                               const struct model *model, int parts,
                               struct model_cut *cut)
{
    char why[STATUS_TEXT];
    status_capture(why);
    enum status st = comm_rank(comm) == 0 ? check_units(model) : ST_OK;
    status_capture(NULL);
    TRY(run_agree(comm, st, why));
    if (comm_rank(comm) == 0)
        measure_units(model, stages->cost);
    comm_bcast(comm, stages->cost, sizeof stages->cost, 0);
    cut_balance(cut, model, parts, stages->cost);
    stages->measured = true;
    return ST_OK;
}

enum status stages_open(struct stages *stages, struct comm *comm,
                        const struct model *model, const struct parallel_options *options,
                        bool check)
{
    bool alone = check && comm_size(comm) == 1;
    struct model_cut cut = {0};
    *stages = (struct stages){0};
    TRY(check_options(comm, model, options, alone));
    if (options->pipeline == 1) {
        stage_init_whole(&stages->stage, comm, model);
        return ST_OK;
    }
    if (*options->stages)
        TRY(read_cut(&cut, model, options));
    else
        TRY(measure_cut(stages, comm, model, options->pipeline, &cut));
    (alone ? stage_init_first : stage_init)(&stages->stage, comm, model, &cut);
    return ST_OK;
}

void stages_close(struct stages *stages)
{
    stage_release(&stages->stage);
}

char *stages_text(const struct stages *stages)
{
    const struct stage *stage = &stages->stage;
    char *layers = cut_part_text(&stage->cut, stage->whole, stage->index);
    char *text = mem_format("stage %d: %s", stage->index, layers);
    free(layers);
    return text;
}

void stages_print(const struct stages *stages)
{
    const struct stage *stage = &stages->stage;
    const struct model_cut *cut = &stage->cut;
    if (stage->count == 1)
        return;
    char *text = cut_text(cut, stage->whole);
    int replicas = comm_size(stage->peers);
    log_out("%-10s %d replica%s x %d stages: %s", "pipeline", replicas,
            replicas > 1 ? "s" : "", stage->count, text);
    free(text);
    double all = 0;
    for (int u = 0; u < stage->whole->units; u++)
        all += stages->cost[u];
    for (int p = 0; stages->measured && p < cut->parts; p++)
        log_out("%s%.0f",
                p ? " | " : " (measured: ", 100 * cut_cost(cut, p, stages->cost) / all);
    log_out(stages->measured ? " %% of the work)\n" : "\n");
}
