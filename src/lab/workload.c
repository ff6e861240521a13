#include "lab/workload.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/timer.h"
#include "comm/comm.h"

#define VISITS        5    /* to each point, in turns: what drifts meets all alike */
#define VISIT_SECONDS 0.15 /* about; at least VISIT_STEPS */
#define VISIT_STEPS   4
#define STEPS_MOST    1000
#define WARM          2
#define SETTLING      0.3 /* seconds in which the system spreads threads over its CPUs */
#define MEETINGS      200
#define LINE          16 /* floats */

/* Ranks that take steps together. */
struct group {
    struct comm *comm;
    float *part, sum[LINE];
    double meeting; /* seconds of one */
};

/* They wait for each other as sums do: whoever waits gives up its CPU as in training. */
static void meet(struct group *group)
{
    comm_tree_sum(group->comm, comm_size(group->comm), &group->part, group->sum, LINE);
}

static void group_init(struct group *group, struct comm *comm)
{
    *group = (struct group){.comm = comm, .part = comm_vectors(comm, LINE)};
    meet(group);
    double begin = timer_now(), once;
    meet(group);
    once = timer_now() - begin;
    comm_max_f64(comm, &once, 1);
    int count =
        once * MEETINGS < VISIT_SECONDS ? MEETINGS : (int)(VISIT_SECONDS / once) + 1;
    begin = timer_now();
    for (int i = 0; i < count; i++)
        meet(group);
    group->meeting = (timer_now() - begin) / count;
}

static void add(struct workload_step *to, const struct workload_step *step)
{
    to->seconds += step->seconds;
    to->backward += step->backward;
    to->update += step->update;
}

static int steps_in(double seconds, double step)
{
    double count = seconds / step;
    return count < VISIT_STEPS  ? VISIT_STEPS
           : count > STEPS_MOST ? STEPS_MOST
                                : (int)count;
}

/* As many steps as fit, the same number on all ranks of the group: their mean, from one
   meeting to the next, which is when the slowest is done. */
static enum status take_steps(const struct workload_job *job, struct group *group,
                              int workers, struct workload_step *mean)
{
    struct workload_step step = {0}, sum = {0};
    enum status st = ST_OK;
    double once = timer_now();
    for (int i = 0; i < WARM && st == ST_OK; i++)
        st = job->step(job->context, &step);
    once = (timer_now() - once) / WARM;
    comm_max_f64(group->comm, &once, 1);
    TRY(comm_agree(group->comm, st));
    bool crowded = job->threads * workers * comm_node_size(group->comm) > job->cpus;
    crowded = comm_agree(group->comm, crowded ? ST_FAIL : ST_OK) != ST_OK;
    int settling = crowded ? steps_in(SETTLING, once) : 0;
    int count = steps_in(crowded ? SETTLING : VISIT_SECONDS, once);
    double begin = 0, beside = 0;
    for (int i = -settling; i < count; i++) {
        if (i == 0) {
            meet(group);
            sum = (struct workload_step){0};
            begin = timer_now();
            beside = 0;
        }
        if (st == ST_OK)
            st = job->step(job->context, &step);
        add(&sum, &step);
        beside += step.beside;
        meet(group);
    }
    mean->seconds = (timer_now() - begin - beside) / count - group->meeting;
    mean->backward = sum.backward / count;
    mean->update = sum.update / count;
    return comm_agree(group->comm, st);
}

static enum status visit(const struct workload_job *job,
                         const struct workload_point *point, struct workload_step *mean)
{
    struct comm *comm = job->comm;
    struct group group;
    int rank = comm_rank(comm), workers = comm_size(comm) == 1 ? point->ranks : 1;
    bool in = rank < point->ranks && comm_node_rank(comm) < job->per_node;
    struct comm *alone = comm_split(comm, rank);
    struct comm *beside = comm_split(comm, in);
    enum status st = ST_OK;
    *mean = (struct workload_step){0};
    if (in) {
        group_init(&group, beside);
        st = comm_agree(beside,
                        job->begin(job->context, alone, beside, workers, point->samples));
        if (st == ST_OK)
            st = take_steps(job, &group, workers, mean);
        job->end(job->context);
    }
    comm_barrier_idle(comm);
    comm_split_free(beside);
    comm_split_free(alone);
    double slowest[] = {mean->seconds, mean->backward, mean->update};
    comm_max_f64(comm, slowest, 3);
    *mean = (struct workload_step){slowest[0], slowest[1], slowest[2], 0};
    return comm_agree(comm, st);
}

/* Other work can only slow a visit down: the fastest counts. */
static void sum_up(const struct workload_step *mean, struct workload_point *point)
{
    const struct workload_step *best = &mean[0];
    point->high = 0;
    for (int v = 0; v < VISITS; v++) {
        if (mean[v].seconds < best->seconds)
            best = &mean[v];
        if (mean[v].seconds > point->high)
            point->high = mean[v].seconds;
    }
    point->seconds = best->seconds;
    point->backward = best->backward;
    point->update = best->update;
}

/* Threads that play several ranks share one update, where each rank does its own. */
static void mend_updates(const struct workload_job *job, struct workload_point *points,
                         int count)
{
    double update = 0;
    for (int i = 0; i < count; i++)
        if (points[i].ranks == 1)
            update = points[i].update;
    for (int i = 0; i < count; i++) {
        struct workload_point *point = &points[i];
        double crowd = (double)point->ranks * job->threads / job->cpus;
        if (point->ranks == 1)
            continue;
        point->seconds -= point->update;
        point->update = update * (crowd > 1 ? crowd : 1);
        point->seconds += point->update;
    }
}

enum status workload_measure(const struct workload_job *job,
                             struct workload_point *points, int count)
{
    struct workload_step(*mean)[VISITS] = mem_zeroed((size_t)count, sizeof *mean);
    enum status st = ST_OK;
    comm_tree_use(job->comm, "auto"); /* measures the network once for all visits */
    for (int v = 0; v < VISITS && st == ST_OK; v++)
        for (int i = 0; i < count && st == ST_OK; i++) {
            log_progress("measuring steps, %d of %d", v * count + i + 1, VISITS * count);
            st = visit(job, &points[i], &mean[i][v]);
        }
    for (int i = 0; i < count && st == ST_OK; i++)
        sum_up(mean[i], &points[i]);
    if (st == ST_OK && comm_size(job->comm) == 1)
        mend_updates(job, points, count);
    free(mean);
    return st;
}
