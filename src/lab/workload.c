#include "lab/workload.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/timer.h"
#include "comm/comm.h"

#define VISITS        3    /* to each point, in turns: what drifts meets all alike */
#define VISIT_SECONDS 0.15 /* about; at least VISIT_STEPS */
#define VISIT_STEPS   5
#define STEPS_MOST    200
#define WARM          2

struct series {
    int count;
    double seconds[VISITS * STEPS_MOST], backward[VISITS * STEPS_MOST],
        update[VISITS * STEPS_MOST];
};

/* Steps of one visit, as many on all ranks. */
static enum status take_steps(const struct workload_job *job, struct comm *part,
                              struct series *series)
{
    struct workload_step step = {0};
    double once = 0;
    enum status st = ST_OK;
    for (int i = 0; i < WARM && st == ST_OK; i++)
        st = job->step(job->context, &step);
    TRY(comm_agree(part, st));
    once = step.seconds;
    comm_max_f64(part, &once, 1);
    double wanted = VISIT_SECONDS / once;
    int count = wanted < VISIT_STEPS  ? VISIT_STEPS
                : wanted > STEPS_MOST ? STEPS_MOST
                                      : (int)wanted;
    for (int i = 0; i < count; i++) {
        comm_barrier(part);
        if (st == ST_OK)
            st = job->step(job->context, &step);
        series->seconds[series->count] = step.seconds;
        series->backward[series->count] = step.backward;
        series->update[series->count++] = step.update;
    }
    return comm_agree(part, st);
}

static enum status visit(const struct workload_job *job,
                         const struct workload_point *point, struct series *series)
{
    int rank = comm_rank(job->comm), workers = 1;
    bool in = rank < point->ranks && comm_node_rank(job->comm) < job->per_node;
    struct comm *alone = comm_part(job->comm, rank), *part = comm_part(job->comm, in);
    if (comm_size(job->comm) == 1)
        workers = point->ranks;
    enum status st = ST_OK;
    if (in) {
        st = comm_agree(part,
                        job->begin(job->context, alone, part, workers, point->samples));
        if (st == ST_OK)
            st = take_steps(job, part, series);
        job->end(job->context);
        for (int i = 0; i < 3; i++)
            comm_max_f64(part,
                         i == 0   ? series->seconds
                         : i == 1 ? series->backward
                                  : series->update,
                         series->count);
    }
    comm_rest(job->comm);
    comm_part_free(part);
    comm_part_free(alone);
    return comm_agree(job->comm, st);
}

static void sum_up(struct series *series, struct workload_point *point)
{
    int count = series->count;
    point->backward = timer_median(series->backward, count);
    point->update = timer_median(series->update, count);
    point->seconds = timer_median(series->seconds, count);
    point->low = series->seconds[0];
    point->high = series->seconds[count - 1];
}

enum status workload_measure(const struct workload_job *job,
                             struct workload_point *points, int count)
{
    struct series *series = mem_zeroed((size_t)count, sizeof *series);
    enum status st = ST_OK;
    for (int v = 0; v < VISITS && st == ST_OK; v++)
        for (int i = 0; i < count && st == ST_OK; i++) {
            log_progress("measuring %d of %d", v * count + i + 1, VISITS * count);
            st = visit(job, &points[i], &series[i]);
        }
    for (int i = 0; i < count && st == ST_OK; i++) {
        if (series[i].count > 0)
            sum_up(&series[i], &points[i]);
        comm_bcast(job->comm, &points[i], sizeof points[i], 0);
    }
    free(series);
    return st;
}
