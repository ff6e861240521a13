/* input: a step's images: which of them are this rank's, made ready ahead, filled in. */
#include <math.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/where.h"
#include "trainer_impl.h"

#define AHEAD     2    /* batches: one is read, one augmented, one trained on */
#define SLOW      0.10 /* share of an interval spent waiting: worth a note... */
#define GOOD      0.05 /* ...and, below this, another one if it comes again */
#define SLOW_FOOT 0.01 /* of the whole run: worth a line at its end */
#define SECONDS   0.5  /* a shorter wait is worth nothing */

void trainer_share(const struct trainer *trainer, uint64_t number, struct step *step)
{
    const struct run_options *options = trainer->setup.options;
    struct comm *comm = trainer->stage->peers;
    uint64_t count = trainer->setup.dataset->info.count[DATASET_TRAIN];
    uint64_t batch = (uint64_t)options->train.batch;
    *step = (struct step){.epoch = (uint32_t)(number / trainer->epoch_steps)};
    step->first = number % trainer->epoch_steps * batch;
    uint64_t left = count - step->first;
    step->samples = (int)(left < batch ? left : batch);
    int grain = trainer->setup.model->grain;
    step->grains = (step->samples + grain - 1) / grain;
    comm_share(comm, step->grains, comm_rank(comm), &step->begin, &step->end);
}

static void share_of_batch(const void *context, uint64_t number,
                           struct prefetch_batch *batch)
{
    const struct trainer *trainer = context;
    struct step step;
    trainer_share(trainer, number, &step);
    int grain = trainer->setup.model->grain;
    int first = step.begin * grain;
    int last = step.end * grain < step.samples ? step.end * grain : step.samples;
    batch->epoch = step.epoch;
    batch->first = step.first + (uint64_t)first;
    batch->count = last > first ? (uint64_t)(last - first) : 0;
}

static bool resident(const struct trainer *trainer)
{
    return dataset_resident(trainer->setup.dataset, DATASET_TRAIN);
}

/* Reading ahead hides the storage's latency; from a warm page cache it gains nothing
   where all CPUs compute. A thread that augments gains where there is a CPU for it; where
   there is none, those who compute balance the same work better. */
void trainer_input_init(struct trainer *trainer)
{
    const struct trainer_setup *setup = &trainer->setup;
    const struct run_options *options = setup->options;
    bool asked = options->input.prefetch > 0;
    bool augmenter = asked || (setup->spare_cpus > 0 && trainer->train.augment);
    int depth = asked ? options->input.prefetch - 1 : AHEAD;
    int grain = setup->model->grain, size = comm_size(setup->comm);
    int grains = (options->train.batch + grain - 1) / grain, first, most;
    struct comm *readers = trainer->stage->peers; /* where this stage is the first */
    comm_share(readers, grains, 0, &first, &most);
    const struct prefetch_setup with = {
        .loader = &trainer->train,
        .most = (uint64_t)most * (uint64_t)grain,
        .depth = depth,
        .augment = augmenter,
        .memory = setup->dataset->memory_left / (size_t)comm_node_size(readers),
        .batch = share_of_batch,
        .context = trainer,
    };
    if (stage_first(trainer->stage))
        trainer->prefetch = prefetch_create(&with);
    trainer->waits = mem_zeroed((size_t)size, sizeof *trainer->waits);
}

void trainer_input_begin(const struct trainer *trainer)
{
    int asked = trainer->setup.options->input.prefetch - 1;
    if (!trainer->prefetch)
        return;
    int got = prefetch_depth(trainer->prefetch);
    if (got < asked)
        log_note("data.prefetch = %d: there is memory for %d batch%s ahead only; raise "
                 "data.memory",
                 asked, got, got == 1 ? "" : "es");
}

void trainer_input_release(struct trainer *trainer)
{
    prefetch_free(trainer->prefetch);
    free(trainer->waits);
}

static struct prefetch_counts counts_of(const struct trainer *trainer)
{
    if (trainer->prefetch)
        return prefetch_counts(trainer->prefetch);
    return (struct prefetch_counts){0};
}

/* Where the images are another stage's, labels are looked up in the epoch's order. */
static enum status take_batch(struct trainer *trainer)
{
    if (trainer->prefetch)
        return prefetch_take(trainer->prefetch, trainer->progress.step);
    struct step step;
    trainer_share(trainer, trainer->progress.step, &step);
    return loader_prepare(&trainer->train, step.epoch, step.first, 0, 0);
}

/* Reading may fail on one rank alone. What the others wait for it is theirs. */
enum status trainer_prepare(struct trainer *trainer)
{
    double *seconds = trainer->phases.seconds, begin = timer_now();
    double waited = counts_of(trainer).waited;
    where_mark(WHERE_LOAD);
    enum status st = take_batch(trainer);
    waited = counts_of(trainer).waited - waited;
    double t = phases_add(&trainer->phases, PHASE_LOAD, begin);
    seconds[PHASE_LOAD] -= waited;
    seconds[PHASE_LOAD_WAIT] += waited;
    trainer->interval.load_wait += waited;
    where_mark(WHERE_LOAD);
    if (resident(trainer))
        return st;
    st = comm_agree(trainer->setup.comm, st);
    phases_add(&trainer->phases, PHASE_REDUCE, t);
    return st;
}

int trainer_grain_samples(const struct trainer *trainer, const struct step *step,
                          int grain)
{
    int size = trainer->setup.model->grain;
    int left = step->samples - grain * size;
    return left < size ? left : size;
}

void trainer_load_grain(const struct trainer *trainer, const struct step *step,
                        const struct lane *lane, struct workspace *ws, int grain)
{
    const struct model *model = trainer->model;
    size_t size = (size_t)shape_size(model->in);
    uint64_t first = step->first + (uint64_t)grain * (uint64_t)model->grain;
    int begin, end;
    team_split(&lane->team, trainer_grain_samples(trainer, step, grain), &begin, &end);
    for (int i = begin; i < end; i++) {
        uint64_t position = first + (uint64_t)i;
        if (trainer->prefetch)
            prefetch_fill(trainer->prefetch, position,
                          ws->activation[0] + (size_t)i * size, &ws->label[i],
                          &ws->sample[i]);
        else
            loader_label(&trainer->train, position, &ws->label[i], &ws->sample[i]);
    }
    team_barrier(&lane->team);
}

/* --- who was waited for --- */

static const char *cure(const struct trainer *trainer)
{
    if (trainer->prefetch && prefetch_depth(trainer->prefetch) == 0)
        return "read ahead (data.prefetch), or raise data.memory until the set fits";
    return "put the file on a faster disk, or raise data.memory until the set fits";
}

void trainer_input_news(struct trainer *trainer)
{
    const struct interval *interval = &trainer->interval;
    struct comm *comm = trainer->setup.comm;
    if (resident(trainer))
        return;
    int slowest = 0;
    double wait = interval->load_wait;
    comm_allgather(comm, &wait, trainer->waits, sizeof wait);
    for (int r = 1; r < comm_size(comm); r++)
        if (trainer->waits[r] > trainer->waits[slowest])
            slowest = r;
    wait = trainer->waits[slowest];
    if (wait > fmax(SLOW * interval->seconds, SECONDS) && !trainer->reading_slow) {
        log_note("step %llu: reading '%s' is slow: steps waited %.1f s of %.1f s for it, "
                 "on rank %d; %s",
                 (unsigned long long)trainer->progress.step,
                 trainer->setup.dataset->info.path, wait, interval->seconds, slowest,
                 cure(trainer));
        trainer->reading_slow = true;
    } else if (wait < GOOD * interval->seconds) {
        trainer->reading_slow = false;
    }
}

void trainer_input_foot(struct trainer *trainer, double slowest_wait, double wall)
{
    struct prefetch_counts counts = counts_of(trainer);
    uint64_t sums[] = {counts.filled, counts.ahead};
    comm_sum_u64(trainer->setup.comm, sums, 2);
    if (slowest_wait > fmax(SLOW_FOOT * wall, SECONDS))
        log_out("load wait: reading '%s' is slow: steps waited %.1f s of %.1f s for it; "
                "%s\n",
                trainer->setup.dataset->info.path, slowest_wait, wall, cure(trainer));
    if (sums[1] > 0)
        log_out("load: %.0f %% of the images were augmented ahead, the rest by the "
                "threads that compute\n",
                100 * (double)sums[1] / (double)sums[0]);
}
