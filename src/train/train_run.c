#include "train_run.h"

#include <math.h>
#include <stdlib.h>

#include "base/div.h"
#include "base/mem.h"
#include "comm/comm.h"

uint64_t train_epoch_steps(const struct train_options *options, uint64_t images)
{
    return div_up_u64(images, (uint64_t)options->batch);
}

uint64_t train_total_steps(const struct train_options *options, uint64_t images)
{
    double steps = options->epochs * (double)train_epoch_steps(options, images);
    /* 1e-6: a rounding error must not add a step */
    return options->steps > 0 ? (uint64_t)options->steps : (uint64_t)ceil(steps - 1e-6);
}

/* Only trials come here with a multi-label set, for which a training refuses it. */
static bool train_run_balances(const struct trainer_setup *setup)
{
    return setup->options->input.sampling == SAMPLING_BALANCED &&
           !setup->dataset->info.multi_label;
}

void train_run_init(struct train_run *run, const struct trainer_setup *setup)
{
    const struct train_options *options = &setup->options->train;
    uint64_t images = setup->dataset->info.count[DATASET_TRAIN];
    ASSERT(setup->model->grain == options->grain);
    *run = (struct train_run){.setup = *setup};
    stage_init_whole(&run->whole, setup->comm, setup->model);
    run->stage = setup->stage ? setup->stage : &run->whole;
    run->model = run->stage->model;
    run->epoch_steps = train_epoch_steps(options, images);
    run->total_steps = train_total_steps(options, images);
    if (train_run_balances(setup))
        balance_init(&run->balance, options->seed,
                     dataset_labels(setup->dataset, DATASET_TRAIN), images,
                     setup->dataset->info.classes);
}

void train_run_release(struct train_run *run)
{
    balance_release(&run->balance);
}

void train_run_loader(const struct train_run *run, struct loader *loader,
                      const struct augment_options *augment)
{
    const struct run_options *options = run->setup.options;
    loader_init(loader, run->setup.dataset, DATASET_TRAIN);
    loader_shuffle(loader, options->train.seed, augment);
    loader->input.crop = options->input.crop;
    loader->views = (uint32_t)options->train.views;
    if (train_run_balances(&run->setup))
        loader->balance = &run->balance;
}

uint64_t train_run_hash(const struct train_run *run, const struct run_state *state)
{
    const struct stage *stage = run->stage;
    struct state_vector list[STATE_VECTORS];
    int units = run->setup.model->units;
    size_t count = (size_t)run_state_list(state, list) * (size_t)units;
    uint64_t *hashes = mem_zeroed(count, sizeof *hashes);
    run_state_unit_hashes(state, run->model, units, hashes);
    if (stage->count > 1)
        comm_merge(stage->line, hashes, count * sizeof *hashes);
    uint64_t joined = run_state_join(hashes, count, run->progress.step);
    free(hashes);
    return joined;
}

enum dataset_split train_run_split(const struct train_run *run)
{
    return dataset_choosing(&run->setup.dataset->info);
}

/* Steps between two evaluations; 0: there are none. */
static uint64_t train_run_evaluates_every(const struct train_run *run)
{
    uint64_t epochs = (uint64_t)run->setup.options->train.eval_every;
    size_t images = run->setup.dataset->info.count[train_run_split(run)];
    return images > 0 ? epochs * run->epoch_steps : 0;
}

bool train_run_evaluation_is_due(const struct train_run *run)
{
    uint64_t every = train_run_evaluates_every(run), step = run->progress.step;
    return every > 0 && (step % every == 0 || step == run->total_steps);
}

uint64_t train_run_evaluations_left(const struct train_run *run)
{
    uint64_t every = train_run_evaluates_every(run);
    uint64_t step = run->progress.step, total = run->total_steps;
    bool owed = step > 0 && run->progress.evaluated_step < step;
    if (every == 0)
        return 0;
    return total / every - step / every + (step < total && total % every > 0) +
           (owed && train_run_evaluation_is_due(run));
}

bool train_run_line_is_due(const struct train_run *run)
{
    uint64_t lines = (uint64_t)run->setup.options->log.every;
    uint64_t evaluations = train_run_evaluates_every(run), step = run->progress.step;
    if (step % lines == 0 || step == run->total_steps)
        return true;
    if (!train_run_evaluation_is_due(run))
        return false;
    uint64_t before = (step - 1) / evaluations * evaluations;
    return step / lines == before / lines;
}

static int train_run_cut(const struct train_run *run, uint64_t samples)
{
    return grain_count(samples, run->setup.model->grain);
}

int train_run_grains(const struct train_run *run)
{
    return train_run_cut(run, (uint64_t)run->setup.options->train.batch);
}

struct train_batch train_run_batch(const struct train_run *run, uint64_t number)
{
    const struct comm *peers = run->stage->peers;
    uint64_t batch = (uint64_t)run->setup.options->train.batch;
    struct train_batch at = {
        .epoch = (uint32_t)(number / run->epoch_steps),
        .first = number % run->epoch_steps * batch,
    };
    struct grain_range *grains = &at.grains;
    uint64_t left = run->setup.dataset->info.count[DATASET_TRAIN] - at.first;
    grains->samples = left < batch ? left : batch;
    grains->count = train_run_cut(run, grains->samples);
    comm_share(peers, grains->count, comm_rank(peers), &grains->begin, &grains->end);
    return at;
}
