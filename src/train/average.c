#include "average.h"

#include <string.h>

#include "base/where.h"
#include "comm/comm.h"

static uint64_t average_samples(const struct trainer_setup *setup)
{
    uint64_t images = setup->dataset->info.count[DATASET_TRAIN];
    uint64_t wanted = (uint64_t)setup->options->train.ema_samples;
    return wanted < images ? wanted : images;
}

static int average_batches(const struct trainer_setup *setup)
{
    const struct train_options *options = &setup->options->train;
    if (options->ema == 0 || setup->model->statistics.count == 0)
        return 0;
    return grain_count(average_samples(setup), options->batch);
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
        .packed = stepper->crew.packed,
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

/* Batch `index` over all samples. */
static void average_choose(struct average *average, int index)
{
    const struct train_run *run = average->stepper->run;
    struct comm *peers = run->stage->peers;
    struct forward_pass *forward = &average->forward;
    struct grain_range *grains = &forward->grains;
    uint64_t samples = average_samples(&run->setup);
    forward->position = grain_begin(samples, average->batches, index);
    grains->samples = (uint64_t)grain_samples(samples, average->batches, index);
    grains->count = grain_count(grains->samples, run->setup.model->grain);
    comm_share(peers, grains->count, comm_rank(peers), &grains->begin, &grains->end);
}

static enum status average_batch(struct average *average, int index, double latest)
{
    struct stepper *stepper = average->stepper;
    const struct train_run *run = stepper->run;
    struct comm *comm = run->setup.comm;
    const struct grain_range *grains = &average->forward.grains;
    enum status st = forward_pass_may_go_on(latest);
    average_choose(average, index);
    if (grains->end > grains->begin)
        st = forward_pass_read(&average->forward, average->most, st);
    TRY(comm_agree(comm, st));
    average_sum(stepper, &average->forward);
    TRY(comm_agree(comm, dataset_failure(run->setup.dataset)));
    statistics_average(&run->model->statistics, stepper->state.ema, stepper->sum,
                       (double)grains->samples, (double)average->forward.position);
    return ST_OK;
}

/* --- all batches --- */

void average_init(struct average *average, struct stepper *stepper)
{
    const struct train_run *run = stepper->run;
    const struct trainer_setup *setup = &run->setup;
    struct loader *loader = &average->loader;
    int first, grains;
    *average = (struct average){.stepper = stepper, .batches = average_batches(setup)};
    if (average->batches == 0)
        return;
    comm_share(run->stage->peers, train_run_grains(run), 0, &first, &grains);
    average->most = (uint64_t)grains * (uint64_t)setup->model->grain;
    train_run_loader(run, loader, NULL);
    if (stage_first(run->stage))
        loader_reserve(loader, average->most);
    average->forward = (struct forward_pass){.crew = &stepper->crew,
                                             .loader = loader,
                                             .grain = average_grain,
                                             .context = stepper};
    forward_pass_init(&average->forward);
}

void average_release(struct average *average)
{
    if (average->batches > 0)
        forward_pass_release(&average->forward);
    loader_release(&average->loader);
}

void average_copy_running(struct average *average)
{
    const struct stepper *stepper = average->stepper;
    if (average->batches > 0)
        statistics_copy(&stepper->run->model->statistics, stepper->state.ema,
                        stepper->state.params);
}

enum status average_statistics(struct average *average, double latest)
{
    enum status st = ST_OK;
    if (average->batches == 0)
        return ST_OK;
    train_input_pause(&average->stepper->input);
    crew_pack(&average->stepper->crew, average->stepper->state.ema);
    average_copy_running(average); /* sums are taken about the means that are there */
    for (int b = 0; b < average->batches && st == ST_OK; b++)
        st = average_batch(average, b, latest);
    return st;
}

size_t average_bytes(const struct trainer_setup *setup, const struct stage *stage,
                     uint64_t most)
{
    struct loader loader;
    if (average_batches(setup) == 0 || !stage_first(stage) ||
        dataset_resident(setup->dataset, DATASET_TRAIN))
        return 0;
    loader_init(&loader, setup->dataset, DATASET_TRAIN);
    return most * loader_position_bytes(&loader);
}
