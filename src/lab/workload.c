#include "lab/workload.h"

#include <math.h>
#include <stdlib.h>

#include "base/div.h"
#include "base/grain.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/timer.h"
#include "comm/comm.h"
#include "lab/trial.h"
#include "lab/tune.h"

#define WORKLOAD_VISITS         5    /* to each point, in turns: slow drift affects all */
#define WORKLOAD_VISIT_SECONDS  0.15 /* roughly; at least WORKLOAD_VISIT_STEPS steps */
#define WORKLOAD_VISIT_STEPS    4
#define WORKLOAD_STEPS_MOST     1000
#define WORKLOAD_WARM_STEPS     2
#define WORKLOAD_MEETINGS       200
#define WORKLOAD_MEETING_FLOATS 16 /* a cache line */
/* In which the system spreads threads over its CPUs. */
#define WORKLOAD_SETTLE_SECONDS 0.3

int workload_stand_in_grain(int samples, int grain)
{
    int grains = grain_count((uint64_t)samples, grain);
    return grains > 0 ? grain_samples((uint64_t)samples, grains, 0) : grain;
}

/* --- a rank that trains alone --- */

/* Seconds of a step on this rank. */
struct workload_times {
    double seconds, backward, update;
    double excluded; /* spent in workload_solo_step, but not part of the step */
};

struct workload_solo {
    struct run_options options;
    struct model model; /* owned: that of a stand-in, with its own grain; else empty */
    struct parallel_plan plan;
    struct trainer *trainer;
    uint64_t epoch_steps;
    bool short_last; /* the last step of an epoch has fewer samples */
};

/* alone: this rank's own communicator; group: the ranks that compute at the same time.
   workers: ranks that this one's threads stand for. */
static enum status workload_solo_init(struct workload_solo *solo,
                                      const struct workload_setup *setup,
                                      struct comm *alone, struct comm *group, int workers,
                                      int samples)
{
    int threads = setup->threads * workers;
    int busy = threads * comm_node_size(group);
    uint64_t images = setup->dataset->info.count[DATASET_TRAIN];
    uint64_t batch = (uint64_t)samples * (uint64_t)workers;
    const struct model *model = setup->model;
    *solo = (struct workload_solo){.options = trial_options(setup->options)};
    solo->options.train.batch = (int)batch;
    solo->options.optim.lr = 0; /* nothing diverges, all steps are alike */
    tune_rule(&setup->options->parallel, threads, &solo->plan);
    if (workers > 1) {
        int grain = workload_stand_in_grain(samples, setup->options->train.grain);
        solo->options.train.grain = grain;
        TRY(model_describe(&solo->model, setup->spec, model->in, model->classes, grain));
        model = &solo->model;
    }
    const struct trainer_setup trainer_setup = {
        .comm = alone,
        .dataset = setup->dataset,
        .model = model,
        .options = &solo->options,
        .plan = &solo->plan,
        .spare_cpus = setup->cpus > busy ? setup->cpus - busy : 0,
        .config_text = "",
        .version = "",
    };
    solo->epoch_steps = div_up_u64(images, batch);
    solo->short_last = images % batch != 0;
    solo->trainer = trainer_create(&trainer_setup);
    trainer_start(solo->trainer);
    return ST_OK;
}

static void workload_solo_release(struct workload_solo *solo)
{
    trainer_free(solo->trainer);
    model_release(&solo->model);
}

/* One step of a whole batch. The short last step of an epoch is done, but excluded. */
static enum status workload_solo_step(struct workload_solo *solo,
                                      struct workload_times *times)
{
    struct trainer *trainer = solo->trainer;
    times->excluded = 0;
    if (solo->short_last && solo->epoch_steps > 1 &&
        (trainer_step(trainer) + 1) % solo->epoch_steps == 0)
        TRY(trainer_time_steps(trainer, 1, false, &times->excluded));
    struct phases before = *trainer_phases(trainer);
    TRY(trainer_time_steps(trainer, 1, false, &times->seconds));
    const struct phases *after = trainer_phases(trainer);
    times->backward = after->seconds[PHASE_BACKWARD] - before.seconds[PHASE_BACKWARD];
    times->update = after->seconds[PHASE_UPDATE] - before.seconds[PHASE_UPDATE];
    return ST_OK;
}

/* --- ranks that take their steps together --- */

struct workload_group {
    struct comm *comm;
    float *term, sum[WORKLOAD_MEETING_FLOATS];
    double meeting; /* seconds of one */
};

/* A small sum over the group: waiting ranks give up their CPU as they do in training. */
static void workload_group_meet(struct workload_group *group)
{
    comm_tree_sum(group->comm, comm_size(group->comm), &group->term, group->sum,
                  WORKLOAD_MEETING_FLOATS);
}

static void workload_group_init(struct workload_group *group, struct comm *comm)
{
    *group = (struct workload_group){.comm = comm,
                                     .term = comm_vectors(comm, WORKLOAD_MEETING_FLOATS)};
    workload_group_meet(group);
    double begin = timer_now(), once;
    workload_group_meet(group);
    once = timer_now() - begin;
    comm_max_f64(comm, &once, 1);
    int count = once * WORKLOAD_MEETINGS < WORKLOAD_VISIT_SECONDS
                    ? WORKLOAD_MEETINGS
                    : (int)(WORKLOAD_VISIT_SECONDS / once) + 1;
    begin = timer_now();
    for (int i = 0; i < count; i++)
        workload_group_meet(group);
    group->meeting = (timer_now() - begin) / count;
}

static int workload_steps_in(double seconds, double step)
{
    double count = seconds / step;
    return count < WORKLOAD_VISIT_STEPS  ? WORKLOAD_VISIT_STEPS
           : count > WORKLOAD_STEPS_MOST ? WORKLOAD_STEPS_MOST
                                         : (int)count;
}

/* Seconds of a step, roughly: the slowest rank's. */
static enum status workload_group_warm_up(const struct workload_group *group,
                                          struct workload_solo *solo, double *once)
{
    struct workload_times ignored;
    enum status st = ST_OK;
    double begin = timer_now();
    for (int i = 0; i < WORKLOAD_WARM_STEPS && st == ST_OK; i++)
        st = workload_solo_step(solo, &ignored);
    *once = (timer_now() - begin) / WORKLOAD_WARM_STEPS;
    comm_max_f64(group->comm, once, 1);
    return comm_agree(group->comm, st);
}

/* Takes `count` steps; total: their sum on this rank; together: seconds from the first
   meeting to the last, which is when the slowest rank is done. A rank whose step fails
   still meets. */
static enum status workload_group_take_steps(struct workload_group *group,
                                             struct workload_solo *solo, int count,
                                             struct workload_times *total,
                                             double *together)
{
    struct workload_times step = {0};
    enum status st = ST_OK;
    *total = (struct workload_times){0};
    workload_group_meet(group);
    double begin = timer_now();
    for (int i = 0; i < count; i++) {
        if (st == ST_OK)
            st = workload_solo_step(solo, &step);
        total->seconds += step.seconds;
        total->backward += step.backward;
        total->update += step.update;
        total->excluded += step.excluded;
        workload_group_meet(group);
    }
    *together = timer_now() - begin - total->excluded;
    return comm_agree(group->comm, st);
}

/* The mean step: of as many as fit into a visit, the same number on all ranks. Where
   threads share CPUs, they first take steps until the system has spread them. A step
   takes at least as long as this rank is busy with it: on a busy machine meetings may
   have been shorter than those that were measured. */
static enum status workload_group_mean_step(struct workload_group *group,
                                            struct workload_solo *solo, bool crowded,
                                            struct workload_times *mean)
{
    struct workload_times total;
    double once, together;
    TRY(workload_group_warm_up(group, solo, &once));
    crowded = comm_agree(group->comm, crowded ? ST_FAIL : ST_OK) != ST_OK;
    int settle = workload_steps_in(WORKLOAD_SETTLE_SECONDS, once);
    int count = crowded ? settle : workload_steps_in(WORKLOAD_VISIT_SECONDS, once);
    if (crowded)
        TRY(workload_group_take_steps(group, solo, settle, &total, &together));
    TRY(workload_group_take_steps(group, solo, count, &total, &together));
    mean->seconds = fmax(together / count - group->meeting, total.seconds / count);
    mean->backward = total.backward / count;
    mean->update = total.update / count;
    return ST_OK;
}

/* --- visits --- */

static enum status workload_visit_point(const struct workload_setup *setup,
                                        const struct workload_point *point,
                                        struct workload_times *mean)
{
    struct comm *comm = setup->comm;
    int rank = comm_rank(comm), workers = comm_size(comm) == 1 ? point->ranks : 1;
    bool in = rank < point->ranks && comm_node_rank(comm) < setup->per_node;
    struct comm *alone = comm_split(comm, rank);
    struct comm *together = comm_split(comm, in);
    enum status st = ST_OK;
    *mean = (struct workload_times){0};
    if (in) {
        struct workload_group group;
        struct workload_solo solo;
        int threads = setup->threads * workers * comm_node_size(together);
        workload_group_init(&group, together);
        st = workload_solo_init(&solo, setup, alone, together, workers, point->samples);
        if (st == ST_OK)
            st = workload_group_mean_step(&group, &solo, threads > setup->cpus, mean);
        workload_solo_release(&solo);
    }
    comm_barrier_idle(comm);
    comm_split_free(together);
    comm_split_free(alone);
    double slowest[] = {mean->seconds, mean->backward, mean->update};
    comm_max_f64(comm, slowest, 3);
    *mean = (struct workload_times){slowest[0], slowest[1], slowest[2], 0};
    return comm_agree(comm, st);
}

/* Other work can only slow a visit down: the fastest counts. */
static void workload_point_from_visits(const struct workload_times *mean,
                                       struct workload_point *point)
{
    const struct workload_times *best = &mean[0];
    point->high = 0;
    for (int v = 0; v < WORKLOAD_VISITS; v++) {
        if (mean[v].seconds < best->seconds)
            best = &mean[v];
        if (mean[v].seconds > point->high)
            point->high = mean[v].seconds;
    }
    point->seconds = best->seconds;
    point->backward = best->backward;
    point->update = best->update;
}

/* Threads that stand for several ranks do one update; each rank would do its own. */
static void workload_correct_updates(const struct workload_setup *setup,
                                     struct workload_point *points, int count)
{
    double update = 0;
    for (int i = 0; i < count; i++)
        if (points[i].ranks == 1)
            update = points[i].update;
    for (int i = 0; i < count; i++) {
        struct workload_point *point = &points[i];
        double crowd = (double)point->ranks * setup->threads / setup->cpus;
        if (point->ranks == 1)
            continue;
        point->seconds -= point->update;
        point->update = update * (crowd > 1 ? crowd : 1);
        point->seconds += point->update;
    }
}

enum status workload_measure(const struct workload_setup *setup,
                             struct workload_point *points, int count)
{
    struct workload_times(*mean)[WORKLOAD_VISITS] =
        mem_zeroed((size_t)count, sizeof *mean);
    enum status st = ST_OK;
    comm_tree_use(setup->comm, "auto"); /* measures the network once for all visits */
    for (int v = 0; v < WORKLOAD_VISITS && st == ST_OK; v++)
        for (int i = 0; i < count && st == ST_OK; i++) {
            log_progress("measuring steps, %d of %d", v * count + i + 1,
                         WORKLOAD_VISITS * count);
            st = workload_visit_point(setup, &points[i], &mean[i][v]);
        }
    for (int i = 0; i < count && st == ST_OK; i++)
        workload_point_from_visits(mean[i], &points[i]);
    if (st == ST_OK && comm_size(setup->comm) == 1)
        workload_correct_updates(setup, points, count);
    free(mean);
    return st;
}
