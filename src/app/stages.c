#include "app/stages.h"

#include <stdlib.h>

#include "app/run.h"
#include "base/log.h"
#include "base/mem.h"
#include "lab/layers.h"

#define KEY "parallel.stages"

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

/* By rank 0, unit by unit: no process need ever hold more than one. */
static void measure_cut(struct stages *stages, struct comm *comm,
                        const struct model *model, int parts, struct model_cut *cut)
{
    for (int u = 0; comm_rank(comm) == 0 && u < model->units; u++) {
        struct model unit;
        model_part(&unit, model, u, u + 1);
        stages->cost[u] = layers_unit_seconds(&unit);
        model_release(&unit);
    }
    comm_bcast(comm, stages->cost, sizeof stages->cost, 0);
    cut_balance(cut, model, parts, stages->cost);
    stages->measured = true;
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
        measure_cut(stages, comm, model, options->pipeline, &cut);
    (alone ? stage_init_first : stage_init)(&stages->stage, comm, model, &cut);
    char why[STATUS_TEXT];
    status_capture(why);
    enum status st = model_check_memory(stages->stage.model, "parallel.pipeline");
    status_capture(NULL);
    return run_agree(comm, st, why);
}

void stages_close(struct stages *stages)
{
    stage_release(&stages->stage);
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
