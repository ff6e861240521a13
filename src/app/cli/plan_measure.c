/* plan: steps of training by each rank alone, and sums over ranks. */
#include <stdlib.h>
#include <string.h>

#include "app/cli/commands.h"
#include "app/run/tuning.h"
#include "app/version.h"
#include "base/grain.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timer.h"
#include "comm/comm.h"
#include "lab/layers.h"
#include "lab/machine.h"
#include "plan_run.h"
#include "train/reduce.h"
#include "train/trainer.h"
#include "trial.h"

/* A run of one rank that leaves nothing behind. */
struct solo {
    const struct plan_run *run;
    struct run_options options;
    struct parallel_plan plan;
    struct trainer *trainer;
    uint64_t epoch_steps; /* the last of which is short */
    bool odd;
};

static enum status solo_begin(void *context, struct comm *alone, struct comm *beside,
                              int workers, int samples)
{
    struct solo *solo = context;
    const struct plan_run *run = solo->run;
    int threads = run->threads * workers;
    int busy = threads * comm_node_size(beside);
    uint64_t images = run->dataset->info.count[DATASET_TRAIN];
    solo->options = run->config->run;
    solo->options.train.batch = samples * workers;
    solo->options.train.epochs = 1000000; /* the schedule hardly moves */
    solo->options.train.steps = 0;
    solo->options.optim.lr = 0; /* what would diverge does not: all steps are alike */
    solo->options.checkpoint.every_minutes = 0;
    tuning_rule(&run->config->run.parallel, threads, &solo->plan);
    const struct trainer_setup setup = {
        .comm = alone,
        .dataset = run->dataset,
        .model = run->model,
        .options = &solo->options,
        .plan = &solo->plan,
        .spare_cpus = run->cpus > busy ? run->cpus - busy : 0,
        .config_text = "",
        .version = app_version(),
    };
    uint64_t batch = (uint64_t)solo->options.train.batch;
    solo->epoch_steps = (images + batch - 1) / batch;
    solo->odd = images % batch != 0;
    solo->trainer = trainer_create(&setup);
    trainer_start(solo->trainer);
    return ST_OK;
}

static enum status solo_step(void *context, struct workload_step *step)
{
    struct solo *solo = context;
    step->beside = 0;
    if (solo->odd && solo->epoch_steps > 1 &&
        (trainer_step(solo->trainer) + 1) % solo->epoch_steps == 0)
        TRY(trainer_time_steps(solo->trainer, 1, false, &step->beside));
    struct phases before = *trainer_phases(solo->trainer);
    TRY(trainer_time_steps(solo->trainer, 1, false, &step->seconds));
    const struct phases *after = trainer_phases(solo->trainer);
    step->backward = after->seconds[PHASE_BACKWARD] - before.seconds[PHASE_BACKWARD];
    step->update = after->seconds[PHASE_UPDATE] - before.seconds[PHASE_UPDATE];
    return ST_OK;
}

static void solo_end(void *context)
{
    struct solo *solo = context;
    trainer_free(solo->trainer);
    solo->trainer = NULL;
}

/* --- backward, layer by layer --- */

static enum status measure_backward(const struct plan_run *run, struct scaling *scaling)
{
    const struct model *model = run->model;
    struct scaling_backward *b = &scaling->backward;
    struct plan_bucket bucket[COMM_TREE_PIECES];
    struct parallel_plan plan;
    struct trial_input input;
    double seconds = 0;
    TRY(trial_input(run->letters ? NULL : run->dataset->info.path, model->grain, &input));
    struct layer_time *times = mem_zeroed((size_t)model->ops, sizeof *times);
    float *params = mem_aligned(model->params, sizeof *params);
    model_init_params(model, 1, params);
    layers_measure(model, params, input.images, times);
    tuning_rule(&run->config->run.parallel, run->threads, &plan);
    b->pieces =
        plan_buckets(&plan, model, model->params + TAIL_COUNT, bucket, EXCHANGE_PIECES);
    for (int p = 0; p < b->pieces; p++)
        b->floats[p] = bucket[p].end - bucket[p].begin;
    b->polls = 0;
    for (int s = model->ops - 1, p = 0; s >= 0; s--) {
        seconds += times[s].backward;
        if (!model->op[s]->tensors)
            continue;
        for (; p < b->pieces && bucket[p].begin >= model->op[s]->tensor[0].offset; p++)
            b->ready[p] = b->polls;
        b->share[b->polls++] = seconds;
    }
    for (int i = 0; i < b->polls; i++)
        b->share[i] /= seconds;
    free(input.images);
    free(params);
    free(times);
    return ST_OK;
}

/* --- sums --- */

static void measure_sum(const struct plan_run *run, struct scaling *scaling, int ranks)
{
    struct comm *part = comm_split(run->comm, comm_rank(run->comm) < ranks);
    struct scaling_row row;
    scaling_predict(scaling, ranks, scaling->batch, &row);
    struct scaling_sum *sum = &scaling->sum[scaling->sums++];
    *sum = (struct scaling_sum){.ranks = ranks};
    sum->sum.grains = grain_count((uint64_t)scaling->batch, scaling->grain);
    sum->sum.pieces = scaling->backward.pieces;
    memcpy(sum->sum.floats, scaling->backward.floats, sizeof sum->sum.floats);
    if (comm_rank(run->comm) < ranks)
        exchange_measure_sum(part, row.compute, &sum->sum);
    comm_barrier_idle(run->comm);
    comm_split_free(part);
    comm_bcast(run->comm, sum, sizeof *sum, 0);
}

/* What was not measured. Floats are read and written a few times on their way: twice in
   shared memory, for adding and copying; thrice through a network, which copies both ways
   besides. */
static void set_costs(struct scaling *scaling, double bandwidth)
{
    double touch = 3 * sizeof(float) / bandwidth, bytes = scaling->network.link.bandwidth;
    scaling->costs = (struct scaling_costs){
        .latency = scaling->network.link.latency,
        .message = 1e-6,
        .link = bytes > 0 ? sizeof(float) / bytes : 0,
        .copy = 3 * touch,
        .meeting = 1e-6,
        .touched = touch,
    };
}

/* Rank 0's machine, while the others rest. */
static void measure_machine(const struct plan_run *run, struct scaling *scaling)
{
    const int threads[] = {1, run->cpus < MACHINE_THREADS ? run->cpus : MACHINE_THREADS};
    struct machine *machine = mem_zeroed(1, sizeof *machine);
    double bandwidth[2] = {0, 0};
    if (comm_rank(run->comm) == 0) {
        machine_measure(machine, threads, threads[1] > 1 ? 2 : 1);
        enum machine_level level =
            machine_level(machine, 3 * run->model->params * sizeof(float));
        level = level < MACHINE_L3 ? MACHINE_L3 : level; /* they come from other cores */
        bandwidth[0] = machine->team[machine->teams - 1].bandwidth[MACHINE_MEMORY];
        bandwidth[1] = machine->team[0].bandwidth[level];
    }
    comm_barrier_idle(run->comm);
    comm_bcast(run->comm, bandwidth, sizeof bandwidth, 0);
    scaling->memory_bandwidth = bandwidth[0];
    set_costs(scaling, bandwidth[1] > 0 ? bandwidth[1] : bandwidth[0]);
    free(machine);
}

enum status plan_measure(const struct plan_run *run, struct scaling *scaling,
                         const int *sums, int count)
{
    struct solo *solo = mem_zeroed(1, sizeof *solo);
    solo->run = run;
    const struct workload_job job = {
        .comm = run->comm,
        .per_node = scaling->per_node,
        .threads = run->threads,
        .cpus = run->cpus,
        .context = solo,
        .begin = solo_begin,
        .step = solo_step,
        .end = solo_end,
    };
    enum status st = ST_OK;
    if (comm_rank(run->comm) == 0)
        st = measure_backward(run, scaling);
    comm_barrier_idle(run->comm);
    TRY_TO(out, comm_agree(run->comm, st));
    comm_bcast(run->comm, &scaling->backward, sizeof scaling->backward, 0);
    if (!scaling->network.given)
        fabric_measure(run->comm, &scaling->network);
    log_progress("measuring the machine");
    measure_machine(run, scaling);
    TRY_TO(out, workload_measure(&job, scaling->point, scaling->points));
    measure_sum(run, scaling, 1);
    for (int i = 0; i < count; i++) {
        log_progress("measuring sums over %d ranks", sums[i]);
        measure_sum(run, scaling, sums[i]);
    }
out:
    free(solo);
    return st;
}
