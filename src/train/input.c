#include "input.h"

#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/where.h"
#include "comm/comm.h"

#define INPUT_AHEAD        2    /* batches: one is read, one augmented, one trained on */
#define INPUT_SLOW         0.10 /* share of an interval spent waiting: worth a note... */
#define INPUT_FAST         0.05 /* ...and another note after it fell below this share */
#define INPUT_SLOW_SUMMARY 0.01 /* share of the run: worth a line at its end */
#define INPUT_SLOW_SECONDS 0.5  /* shorter waits are not worth a note */

static void input_share(const void *context, uint64_t number,
                        struct prefetch_batch *share)
{
    const struct train_run *run = context;
    struct train_batch batch = train_run_batch(run, number);
    uint64_t first;
    share->epoch = batch.epoch;
    share->count = grain_range_samples(&batch.grains, &first);
    share->first = batch.first + first;
}

static bool input_resident(const struct train_input *input)
{
    return dataset_resident(input->run->setup.dataset, DATASET_TRAIN);
}

/* Reading ahead hides the latency of the storage; from a warm page cache it gains nothing
   where all CPUs compute. An augmenting thread pays off where a CPU is idle; elsewhere
   the computing threads balance the same work better. */
static struct prefetch *input_prefetch(const struct train_input *input)
{
    const struct train_run *run = input->run;
    const struct trainer_setup *setup = &run->setup;
    const struct run_options *options = setup->options;
    const struct comm *readers = run->stage->peers;
    bool asked = options->input.prefetch > 0;
    int grain = setup->model->grain, first, most;
    comm_share(readers, train_run_grains(run), 0, &first, &most);
    const struct prefetch_setup with = {
        .loader = &input->loader,
        .most = (uint64_t)most * (uint64_t)grain,
        .depth = asked ? options->input.prefetch - 1 : INPUT_AHEAD,
        .augment = asked || (setup->spare_cpus > 0 && input->loader.augment),
        .memory = setup->dataset->memory_left / (size_t)comm_node_size(readers),
        .batch = input_share,
        .context = run,
    };
    return prefetch_create(&with);
}

void train_input_init(struct train_input *input, struct train_run *run)
{
    const struct trainer_setup *setup = &run->setup;
    const struct run_options *options = setup->options;
    *input = (struct train_input){.run = run};
    train_run_loader(run, &input->loader, &options->augment);
    ASSERT(shape_equal(loader_shape(&input->loader), setup->model->in));
    input->mix = (struct mix){.mixup = options->train.mixup,
                              .cutmix = options->train.cutmix,
                              .seed = options->train.seed,
                              .shape = setup->model->in};
    if (stage_first(run->stage))
        input->prefetch = input_prefetch(input);
    input->waits = mem_zeroed((size_t)comm_size(setup->comm), sizeof *input->waits);
}

void train_input_release(struct train_input *input)
{
    prefetch_free(input->prefetch);
    loader_release(&input->loader);
    free(input->waits);
}

void train_input_use(struct train_input *input, const struct features *features)
{
    prefetch_free(input->prefetch);
    input->prefetch = NULL;
    input->features = features;
}

void train_input_note_depth(const struct train_input *input)
{
    int asked = input->run->setup.options->input.prefetch - 1;
    if (!input->prefetch)
        return;
    int got = prefetch_depth(input->prefetch);
    if (got < asked)
        log_note("data.prefetch = %d: there is memory for %d batch%s ahead only; raise "
                 "data.memory",
                 asked, got, got == 1 ? "" : "es");
}

static struct prefetch_counts input_counts(const struct train_input *input)
{
    if (input->prefetch)
        return prefetch_counts(input->prefetch);
    return (struct prefetch_counts){0};
}

/* Without images labels are looked up in the epoch's order. */
static enum status input_take(struct train_input *input)
{
    const struct train_run *run = input->run;
    if (input->prefetch)
        return prefetch_take(input->prefetch, run->progress.step);
    struct train_batch batch = train_run_batch(run, run->progress.step);
    return loader_prepare(&input->loader, batch.epoch, batch.first, 0, 0);
}

/* Reading can fail on one rank alone, so ranks agree. Waiting for the others is
   communication. */
enum status train_input_prepare(struct train_input *input)
{
    struct train_run *run = input->run;
    double begin = timer_now(), waited = input_counts(input).waited;
    where_mark(WHERE_LOAD);
    enum status st = input_take(input);
    waited = input_counts(input).waited - waited;
    double t = phases_add(&run->phases, PHASE_LOAD, begin);
    phases_move(&run->phases, PHASE_LOAD, PHASE_LOAD_WAIT, waited);
    input->waited += waited;
    where_mark(WHERE_LOAD);
    if (input_resident(input))
        return st;
    st = comm_agree(run->setup.comm, st);
    phases_add(&run->phases, PHASE_REDUCE, t);
    return st;
}

/* As they are, by all members of the team. */
static void input_fill(const struct train_input *input, const struct mix_grain *grain,
                       const struct team *team, struct workspace *ws)
{
    size_t size = (size_t)shape_size(input->run->model->in);
    int begin, end;
    team_split(team, grain->n, &begin, &end);
    for (int i = begin; i < end; i++) {
        uint64_t position = grain->first + (uint64_t)i;
        struct loader_sample sample;
        if (input->prefetch)
            prefetch_fill(input->prefetch, position, ws->activation[0] + (size_t)i * size,
                          &sample);
        else
            sample = loader_look(&input->loader, position);
        if (input->features)
            features_copy(input->features, sample.view, sample.number, ws, i);
        ws->sample[i] = sample.key;
        ws->target[i] = target_of_class(sample.label);
        ws->target[i].set = sample.set;
        ws->target[i].weight = sample.weight;
    }
    team_barrier(team);
}

void train_input_load(const struct train_input *input, const struct train_batch *batch,
                      const struct lane *lane, struct workspace *ws, int grain)
{
    const struct grain_range *grains = &batch->grains;
    const struct mix_grain at = {
        .epoch = batch->epoch,
        .first = batch->first + grain_begin(grains->samples, grains->count, grain),
        .n = grain_samples(grains->samples, grains->count, grain),
    };
    input_fill(input, &at, &lane->team, ws);
    if (!mix_enabled(&input->mix))
        return;
    mix_images(&input->mix, &lane->team, &at, input->prefetch ? ws->activation[0] : NULL,
               ws->target);
    team_barrier(&lane->team);
}

void train_input_pause(const struct train_input *input)
{
    if (input->prefetch)
        prefetch_pause(input->prefetch);
}

/* --- slow reading --- */

static const char *input_advice(const struct train_input *input)
{
    if (input->prefetch && prefetch_depth(input->prefetch) == 0)
        return "read ahead (data.prefetch), or raise data.memory until the set fits";
    return "put the file on a faster disk, or raise data.memory until the set fits";
}

void train_input_check(struct train_input *input, double seconds)
{
    const struct train_run *run = input->run;
    struct comm *comm = run->setup.comm;
    int slowest = 0;
    double wait = input->waited;
    input->waited = 0;
    if (input_resident(input))
        return;
    comm_allgather(comm, &wait, input->waits, sizeof wait);
    for (int r = 1; r < comm_size(comm); r++)
        if (input->waits[r] > input->waits[slowest])
            slowest = r;
    wait = input->waits[slowest];
    if (wait > fmax(INPUT_SLOW * seconds, INPUT_SLOW_SECONDS) && !input->slow_noted) {
        log_note("step %llu: reading '%s' is slow: steps waited %.1f s of %.1f s for it, "
                 "on rank %d; %s",
                 (unsigned long long)run->progress.step, run->setup.dataset->info.path,
                 wait, seconds, slowest, input_advice(input));
        input->slow_noted = true;
    } else if (wait < INPUT_FAST * seconds) {
        input->slow_noted = false;
    }
}

void train_input_summary(const struct train_input *input, double longest_wait,
                         double wall)
{
    const struct trainer_setup *setup = &input->run->setup;
    struct prefetch_counts counts = input_counts(input);
    uint64_t sums[] = {counts.filled, counts.ahead};
    comm_sum_u64(setup->comm, sums, 2);
    if (longest_wait > fmax(INPUT_SLOW_SUMMARY * wall, INPUT_SLOW_SECONDS))
        log_out("load wait: reading '%s' is slow: steps waited %.1f s of %.1f s for it; "
                "%s\n",
                setup->dataset->info.path, longest_wait, wall, input_advice(input));
    if (sums[1] > 0)
        log_out("load: %.0f %% of the images were augmented ahead, the rest by the "
                "computing threads\n",
                100 * (double)sums[1] / (double)sums[0]);
}
