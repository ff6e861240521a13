#include "app/run/stages.h"

#include <stdlib.h>

#include "app/run/placement.h"
#include "base/bytes.h"
#include "base/log.h"
#include "base/mem.h"
#include "lab/layers.h"
#include "train/evaluate.h"
#include "train/trainer.h"

#define STAGES_KEY "parallel.stages"

/* option: what set their number, in messages. */
static enum status stages_check_number(const struct comm *comm, const struct model *model,
                                       const char *option, int stages, bool alone)
{
    int size = comm_size(comm);
    if (stages > model->units)
        FAIL(ST_USAGE,
             "%s %d: the network can be cut into %d stages at most: each begins at a "
             "layer "
             "with parameters, where one activation passes",
             option, stages, model->units);
    if (size % stages != 0 && !alone)
        FAIL(ST_USAGE,
             "%s %d does not divide the number of ranks, %d: start %d, or a multiple of "
             "it",
             option, stages, size, stages);
    return ST_OK;
}

static enum status stages_read_cut(struct model_cut *cut, const struct model *model,
                                   const struct parallel_options *options)
{
    TRY(cut_read(cut, model, STAGES_KEY, options->stages));
    if (cut->parts != options->pipeline)
        FAIL(ST_USAGE, STAGES_KEY " names %d stage%s, parallel.pipeline is %d",
             cut->parts, cut->parts > 1 ? "s" : "", options->pipeline);
    return ST_OK;
}

/* --- balanced by cost, within the memory of every process --- */

struct stages_room {
    const struct model *whole;
    const struct run_options *options; /* of training; NULL: evaluation */
    int stages, replicas;
    double limit; /* bytes: the least of all processes */
};

static double stages_least_limit(struct comm *comm)
{
    double limit[] = {-(double)mem_limit()};
    comm_max_f64(comm, limit, 1);
    return -limit[0];
}

/* Collective. */
static struct stages_room stages_find_room(struct comm *comm, const struct model *whole,
                                           int stages)
{
    int size = comm_size(comm);
    return (struct stages_room){
        .whole = whole,
        .stages = stages,
        .replicas = size < stages ? 1 : size / stages,
        .limit = stages_least_limit(comm),
    };
}

/* Bytes that stage `index` takes at least if it has the layers of `model`. */
static double stages_bytes(const struct stages_room *room, int index,
                           const struct model *model)
{
    struct parallel_plan plan;
    const struct stage stage = {
        .count = room->stages, .index = index, .whole = room->whole, .model = model};
    plan_init(&plan, 1);
    return (double)(room->options
                        ? trainer_bytes_least(room->options, &stage, room->replicas)
                        : evaluation_bytes(&stage, &plan, 0));
}

static bool stages_fit(const struct cut_limit *limit, int part, int begin, int end)
{
    const struct stages_room *room = limit->context;
    struct model model;
    model_part(&model, limit->model, begin, end);
    double bytes = stages_bytes(room, part, &model);
    model_release(&model);
    return bytes <= room->limit;
}

/* A layer too large for a process cannot be cut, and cannot be measured either. It is
   checked as the last stage, which needs least: it has the fewest grains in flight. */
static enum status stages_check_unit(const struct stages_room *room,
                                     const struct model *unit)
{
    double bytes = stages_bytes(room, room->stages - 1, unit);
    const struct model_cut all = {.parts = 1, .first = {0, 1}};
    if (bytes <= room->limit)
        return ST_OK;
    char *name = cut_part_text(&all, unit, 0);
    enum status st =
        status_fail(ST_USAGE,
                    "parallel.pipeline: layer '%s' alone takes more than %s, a process "
                    "may have %s here; make it or train.grain smaller",
                    name, bytes_text(bytes).text, bytes_text(room->limit).text);
    free(name);
    return st;
}

static enum status stages_check_units(const struct stages_room *room,
                                      const struct model *model)
{
    enum status st = ST_OK;
    for (int u = 0; u < model->units && st == ST_OK; u++) {
        struct model unit;
        model_part(&unit, model, u, u + 1);
        st = stages_check_unit(room, &unit);
        model_release(&unit);
    }
    return st;
}

/* One by one, so that a process never holds more than one. */
static void stages_measure_units(const struct model *model, double *cost)
{
    for (int u = 0; u < model->units; u++) {
        struct model unit;
        model_part(&unit, model, u, u + 1);
        cost[u] = layers_unit_seconds(&unit);
        model_release(&unit);
    }
}

/* If no cut fits into memory, takes the balanced one: memory_check will refuse it with
   the numbers. */
static void stages_balance(const struct stages *stages, const struct stages_room *room,
                           struct model_cut *cut)
{
    const struct model *model = room->whole;
    const struct cut_limit limit = {.fits = stages_fit, .model = model, .context = room};
    if (!cut_balance(cut, model, room->stages, stages->cost, &limit))
        (void)cut_balance(cut, model, room->stages, stages->cost, NULL);
}

/* Rank 0 measures for all ranks. */
static enum status stages_measure_cut(struct stages *stages, struct comm *comm,
                                      const struct model *model,
                                      const struct run_options *options,
                                      struct model_cut *cut)
{
    struct stages_room room = stages_find_room(comm, model, options->parallel.pipeline);
    room.options = options;
    TRY(stages_check_units(&room, model));
    if (comm_rank(comm) == 0)
        stages_measure_units(model, stages->cost);
    comm_bcast(comm, stages->cost, sizeof stages->cost, 0);
    stages->by = STAGES_MEASURED;
    stages_balance(stages, &room, cut);
    return ST_OK;
}

/* Evaluation is one pass over a data set: too short to be worth measuring, and a pipeline
   is used for lack of memory, so weights are balanced. */
static void stages_weigh_cut(struct stages *stages, struct comm *comm,
                             const struct model *model, int count, struct model_cut *cut)
{
    const struct stages_room room = stages_find_room(comm, model, count);
    for (int u = 0; u < model->units; u++)
        stages->cost[u] = (double)(model->unit[u].end - model->unit[u].begin);
    stages->by = STAGES_WEIGHED;
    stages_balance(stages, &room, cut);
}

enum status stages_open(struct stages *stages, struct comm *comm,
                        const struct model *model, const struct run_options *options,
                        enum stages_purpose purpose)
{
    const struct parallel_options *parallel = &options->parallel;
    bool alone = purpose != STAGES_TRAIN && comm_size(comm) == 1;
    struct model_cut cut = {0};
    *stages = (struct stages){0};
    if (parallel->pipeline == 1 && *parallel->stages)
        FAIL(ST_USAGE, STAGES_KEY " needs parallel.pipeline = the number of its stages");
    TRY(stages_check_number(comm, model, "parallel.pipeline =", parallel->pipeline,
                            alone));
    if (parallel->pipeline == 1) {
        stage_init_whole(&stages->stage, comm, model);
        return ST_OK;
    }
    if (*parallel->stages)
        TRY(stages_read_cut(&cut, model, parallel));
    else if (purpose == STAGES_CHECK_ELSEWHERE)
        stages_weigh_cut(stages, comm, model, parallel->pipeline, &cut);
    else
        TRY(stages_measure_cut(stages, comm, model, options, &cut));
    comm_tree_use(comm, comm_tree_names[parallel->reduce]);
    (alone ? stage_init_first : stage_init)(&stages->stage, comm, model, &cut);
    return ST_OK;
}

enum status stages_open_trained(struct stages *stages, struct comm *comm,
                                const struct model *model,
                                const struct parallel_options *trained, int count)
{
    struct model_cut cut = {0};
    *stages = (struct stages){0};
    TRY(stages_check_number(comm, model, "--pipeline", count, false));
    if (count == 1) {
        stage_init_whole(&stages->stage, comm, model);
        return ST_OK;
    }
    if (*trained->stages && trained->pipeline == count)
        TRY(stages_read_cut(&cut, model, trained));
    else
        stages_weigh_cut(stages, comm, model, count, &cut);
    stage_init(&stages->stage, comm, model, &cut);
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

static void stages_print_shares(const struct stages *stages)
{
    const struct stage *stage = &stages->stage;
    double all = 0;
    for (int u = 0; u < stage->whole->units; u++)
        all += stages->cost[u];
    log_out(stages->by == STAGES_MEASURED ? " (measured: " : " (");
    for (int p = 0; p < stage->cut.parts; p++)
        log_out("%s%.0f", p ? " | " : "",
                100 * cut_cost(&stage->cut, p, stages->cost) / all);
    log_out(" %% of the %s)", stages->by == STAGES_MEASURED ? "work" : "weights");
}

void stages_print(const struct stages *stages)
{
    const struct stage *stage = &stages->stage;
    if (stage->count == 1)
        return;
    char *text = cut_text(&stage->cut, stage->whole);
    int replicas = comm_size(stage->peers);
    log_out("%-10s %d replica%s x %d stages: %s", "pipeline", replicas,
            replicas > 1 ? "s" : "", stage->count, text);
    free(text);
    if (stages->by != STAGES_NAMED)
        stages_print_shares(stages);
    log_out("\n");
}
