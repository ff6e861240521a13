#include "average.h"

#include <string.h>

#include "base/where.h"
#include "comm/comm.h"
#include "forward_pass.h"

static uint64_t average_samples(const struct train_run *run)
{
    uint64_t images = run->setup.dataset->info.count[DATASET_TRAIN];
    uint64_t wanted = (uint64_t)run->setup.options->train.ema_samples;
    return wanted < images ? wanted : images;
}

int average_batches(const struct train_run *run)
{
    const struct train_options *options = &run->setup.options->train;
    if (options->ema == 0 || run->setup.model->statistics.count == 0)
        return 0;
    return grain_count(average_samples(run), options->batch);
}

/* --- a grain --- */

/* The lane's team clears the grain's vector: only statistics are written. */
static void average_clear(const struct lane *lane, float *sums, size_t count)
{
    int begin, end;
    team_split(&lane->team, (int)(count / TAIL_COUNT), &begin, &end);
    memset(sums + (size_t)begin * TAIL_COUNT, 0,
           (size_t)(end - begin) * TAIL_COUNT * sizeof *sums);
    team_barrier(&lane->team);
}

static void average_grain(const struct forward_pass *forward, const struct lane *lane,
                          struct workspace *ws, int grain)
{
    struct stepper *stepper = forward->context;
    float *sums = reduce_top(&stepper->reduce, lane->index);
    forward_pass_load(forward, lane, ws, grain);
    average_clear(lane, sums, stepper->reduce.count);
    const struct grain_pass pass = {
        .team = lane->team,
        .plan = &stepper->crew.plan.split,
        .n = forward_pass_samples(forward, grain),
        .measure = true,
        .params = stepper->state.ema,
        .grads = sums,
    };
    model_forward(stepper->run->model, ws, &pass);
    reduce_push(&stepper->reduce, lane->index, &lane->team, grain);
}

/* --- a batch --- */

static void average_join(void *context, int thread)
{
    struct stepper *stepper = context;
    struct team all = crew_all(&stepper->crew, thread);
    overlap_join(&stepper->overlap, &all);
}

/* The batch's sums, in stepper->sum on every rank. */
static void average_sum(struct stepper *stepper, struct forward_pass *forward)
{
    const struct grain_range *grains = &forward->grains;
    int share = grains->end - grains->begin;
    reduce_begin(&stepper->reduce, grains->count);
    overlap_begin(&stepper->overlap, grains->count,
                  plan_lanes(&stepper->crew.plan, share), 0);
    if (share > 0) {
        forward_pass_run(forward);
        team_run(stepper->crew.plan.threads, average_join, stepper);
    }
    where_mark(WHERE_REDUCE);
    overlap_finish(&stepper->overlap, share == 0);
}

/* Samples of a rank in a batch, at most. */
static uint64_t average_most(const struct train_run *run)
{
    int first, grains;
    comm_share(run->stage->peers, train_run_grains(run), 0, &first, &grains);
    return (uint64_t)grains * (uint64_t)run->setup.model->grain;
}

/* Batch `index` of `batches` over all samples. */
static void average_choose(const struct train_run *run, struct forward_pass *forward,
                           int index, int batches)
{
    struct comm *peers = run->stage->peers;
    struct grain_range *grains = &forward->grains;
    uint64_t samples = average_samples(run);
    forward->position = grain_begin(samples, batches, index);
    grains->samples = (uint64_t)grain_samples(samples, batches, index);
    grains->count = grain_count(grains->samples, run->setup.model->grain);
    comm_share(peers, grains->count, comm_rank(peers), &grains->begin, &grains->end);
}

static enum status average_batch(struct stepper *stepper, struct forward_pass *forward,
                                 int index, int batches)
{
    const struct train_run *run = stepper->run;
    struct comm *comm = run->setup.comm;
    const struct grain_range *grains = &forward->grains;
    enum status st = ST_OK;
    average_choose(run, forward, index, batches);
    if (grains->end > grains->begin)
        st = forward_pass_read(forward, average_most(run), ST_OK);
    TRY(comm_agree(comm, st));
    average_sum(stepper, forward);
    TRY(comm_agree(comm, dataset_failure(run->setup.dataset)));
    statistics_average(&run->model->statistics, stepper->state.ema, stepper->sum,
                       (double)grains->samples, (double)forward->position);
    return ST_OK;
}

enum status average_statistics(struct stepper *stepper)
{
    const struct train_run *run = stepper->run;
    int batches = average_batches(run);
    struct loader loader;
    enum status st = ST_OK;
    if (batches == 0)
        return ST_OK;
    train_input_pause(&stepper->input);
    loader_init(&loader, run->setup.dataset, DATASET_TRAIN);
    loader_shuffle(&loader, run->setup.options->train.seed, NULL);
    loader.input.view = run->setup.options->input.view;
    struct forward_pass forward = {.crew = &stepper->crew,
                                   .loader = &loader,
                                   .grain = average_grain,
                                   .context = stepper};
    forward_pass_init(&forward);
    /* sums are taken about the means that are there */
    statistics_copy(&run->model->statistics, stepper->state.ema, stepper->state.params);
    for (int b = 0; b < batches && st == ST_OK; b++)
        st = average_batch(stepper, &forward, b, batches);
    forward_pass_release(&forward);
    loader_release(&loader);
    return st;
}
