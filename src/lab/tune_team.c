/* tune: the passes of every operation under every split, by one team. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/timer.h"
#include "base/where.h"
#include "comm/comm.h"
#include "lab/tune.h"
#include "nn/packed.h"
#include "nn/workspace.h"

enum { ROUNDS_LEAST = 5, ROUNDS_MOST = 61, PASSES = 2 };

struct tune_bench {
    const struct model *model;
    struct tune_team *team;
    struct workspace ws;
    struct team_shared gate; /* all members begin each pass together */
    float *params, *packed, *grads;
    float *dy;      /* owned: the gradient that a pass writes over */
    double seconds; /* for all rounds */
    int rounds;
    double *times; /* owned: (ops, PASSES, SPLITS, ROUNDS_MOST) */
};

static double *tune_pass_times(const struct tune_bench *bench, int op, int pass,
                               int split)
{
    return bench->times + ((op * PASSES + pass) * SPLITS + split) * ROUNDS_MOST;
}

static unsigned tune_pass_splits(const struct layer *layer, int pass)
{
    unsigned known = SPLIT_BIT(SPLIT_AUTO) | SPLIT_BIT(SPLIT_SEQUENTIAL);
    struct split_sets sets = {0, 0};
    if (layer->ops->splits)
        sets = layer->ops->splits(layer);
    /* where a layer knows these, auto is the same */
    unsigned alias = SPLIT_BIT(SPLIT_FEATURE) | SPLIT_BIT(SPLIT_ELEMENT);
    return known | ((pass == 0 ? sets.forward : sets.backward) & ~alias);
}

/* A pass backward may write over its gradient, which is to be the same for each split: it
   is kept before the first, and put back before each. */
static void tune_bench_dy(struct tune_bench *bench, int op, int pass, bool keep)
{
    const struct workspace_op *of = &bench->ws.op[op];
    size_t count = (size_t)bench->team->n * (size_t)shape_size(bench->model->op[op]->out);
    if (pass != 1 || of->dx[0].at != of->dy.at)
        return;
    if (keep)
        memcpy(bench->dy, of->dy.at, count * sizeof(float));
    else
        memcpy(of->dy.at, bench->dy, count * sizeof(float));
}

/* Seconds of a pass under one split. */
static double tune_bench_pass(struct tune_bench *bench, const struct grain_pass *base,
                              int op, int pass, int split)
{
    struct split_plan plan;
    struct grain_pass with = *base;
    struct team gate = base->team;
    gate.shared = &bench->gate;
    with.plan = &plan;
    plan.forward[op] = plan.backward[op] = (unsigned char)split;
    if (gate.index == 0)
        tune_bench_dy(bench, op, pass, false);
    team_barrier(&gate);
    double begin = timer_now();
    if (pass == 0)
        model_forward_op(bench->model, &bench->ws, &with, op);
    else
        model_backward_op(bench->model, &bench->ws, &with, op);
    return timer_now() - begin;
}

static void tune_bench_splits(struct tune_bench *bench, const struct grain_pass *base,
                              int op, int pass, int round)
{
    unsigned known = tune_pass_splits(bench->model->op[op], pass);
    where_layer(pass == 0 ? WHERE_FORWARD : WHERE_BACKWARD, op);
    if (base->team.index == 0)
        tune_bench_dy(bench, op, pass, true);
    for (int i = 0; i < SPLITS; i++) {
        int split =
            (i + round) % SPLITS; /* none is always the one that warms the caches */
        if (!(known & SPLIT_BIT(split)))
            continue;
        double seconds = tune_bench_pass(bench, base, op, pass, split);
        if (base->team.index == 0 && round >= 0)
            tune_pass_times(bench, op, pass, split)[round] = seconds;
    }
}

static void tune_bench_round(struct tune_bench *bench, const struct grain_pass *base,
                             int round)
{
    const struct model *model = bench->model;
    struct grain_result ignored;
    for (int o = 0; o < model->ops; o++)
        tune_bench_splits(bench, base, o, 0, round);
    model_loss(model, &bench->ws, base, &ignored);
    for (int o = model->ops - 1; o >= 0; o--)
        if (model_goes_back(model, o))
            tune_bench_splits(bench, base, o, 1, round);
}

static void tune_bench_run(void *context, int thread)
{
    struct tune_bench *bench = context;
    const struct grain_pass base = {
        .team = {.size = bench->team->members,
                 .index = thread,
                 .shared = &bench->ws.team},
        .n = bench->team->n,
        .train = true,
        .params = bench->params,
        .packed = bench->packed,
        .grads = bench->grads,
    };
    tune_bench_round(bench, &base, 0); /* warms memory and caches */
    double begin = timer_now();
    tune_bench_round(bench, &base, 0);
    double rounds = bench->seconds / (timer_now() - begin);
    if (thread == 0)
        bench->rounds = rounds < ROUNDS_LEAST  ? ROUNDS_LEAST
                        : rounds > ROUNDS_MOST ? ROUNDS_MOST
                                               : (int)rounds;
    team_barrier(&base.team);
    for (int round = 0; round < bench->rounds; round++)
        tune_bench_round(bench, &base, round);
}

/* The kernel's own choice stays unless another split is clearly faster. */
static void tune_choose_split(struct tune_pass *pass)
{
    pass->best = SPLIT_AUTO;
    double limit = pass->seconds[SPLIT_AUTO] * (1 - TUNE_GAIN);
    for (int split = 0; split < SPLITS; split++) {
        if (pass->seconds[split] <= 0 || pass->seconds[split] >= limit)
            continue;
        pass->best = (enum split)split;
        limit = pass->seconds[split];
    }
}

/* The passes (ops) of one kind, from their times. */
static struct tune_pass *tune_pass_summarise(const struct tune_bench *bench,
                                             struct comm *comm, int pass)
{
    const struct model *model = bench->model;
    struct tune_pass *passes = mem_zeroed((size_t)model->ops, sizeof *passes);
    for (int o = 0; o < model->ops; o++) {
        if (pass == 1 && !model_goes_back(model, o))
            continue;
        unsigned known = tune_pass_splits(model->op[o], pass);
        for (int split = 0; split < SPLITS; split++)
            if (known & SPLIT_BIT(split))
                passes[o].seconds[split] =
                    timer_median(tune_pass_times(bench, o, pass, split), bench->rounds);
        if (comm)
            comm_max_f64(comm, passes[o].seconds, SPLITS);
        tune_choose_split(&passes[o]);
    }
    return passes;
}

void tune_measure_team(struct comm *comm, const struct model *model,
                       struct tune_team *team, double seconds)
{
    struct rng rng;
    struct tune_bench bench = {.model = model, .team = team, .seconds = seconds};
    size_t cells = (size_t)model->ops * PASSES * SPLITS * ROUNDS_MOST;
    size_t inputs = (size_t)model->grain * (size_t)shape_size(model->in), most = 0;
    for (int o = 0; o < model->ops; o++)
        most = (size_t)shape_size(model->op[o]->out) > most
                   ? (size_t)shape_size(model->op[o]->out)
                   : most;
    workspace_init_by_op(&bench.ws, model, team->members);
    bench.times = mem_zeroed(cells, sizeof(double));
    bench.dy = mem_aligned((size_t)model->grain * most, sizeof(float));
    bench.params = mem_aligned(model->params, sizeof(float));
    bench.grads = mem_aligned(model->params, sizeof(float));
    model_init_params(model, 1, bench.params);
    bench.packed = model_packed(model, bench.params);
    rng_init(&rng, 1, RNG_TEST, 0, 0);
    for (size_t i = 0; i < inputs; i++)
        bench.ws.activation[0][i] = rng_range(&rng, -1.0f, 1.0f);
    team_run(team->members, tune_bench_run, &bench);
    team->forward = tune_pass_summarise(&bench, comm, 0);
    team->backward = tune_pass_summarise(&bench, comm, 1);
    workspace_release(&bench.ws);
    free(bench.times);
    free(bench.dy);
    free(bench.params);
    free(bench.packed);
    free(bench.grads);
}
