#include "train/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/stop.h"
#include "base/timer.h"
#include "base/where.h"
#include "comm/comm.h"
#include "comm/tree.h"

#define CHUNK 64 /* grains of a lane between two reads of a set that is not in memory */

/* A stretch of grains that the rank's lanes share in one parallel region. */
struct job {
    struct crew *crew;
    const struct loader *loader;
    const float *params;
    uint64_t count; /* samples of the split */
    int begin, end; /* grains */
    int lanes;
    double latest;       /* seconds */
    double *loss;        /* [grain of the split] */
    uint64_t *confusion; /* [lane][true][predicted] */
    struct evaluation_rows *rows;
};

static void count_answers(const struct job *job, const struct lane *lane, int n,
                          uint64_t first)
{
    int classes = job->crew->model->classes;
    const float *logprobs = lane->ws->logprobs;
    uint64_t *confusion =
        job->confusion + (size_t)lane->index * (size_t)classes * (size_t)classes;
    for (int i = 0; i < n; i++) {
        const float *row = logprobs + (size_t)i * (size_t)classes;
        int best = 0;
        for (int c = 1; c < classes; c++)
            if (row[c] > row[best])
                best = c;
        confusion[(size_t)lane->ws->label[i] * (size_t)classes + (size_t)best]++;
    }
    if (job->rows)
        memcpy(job->rows->logprobs + (first - job->rows->first) * (uint64_t)classes,
               logprobs, (size_t)n * (size_t)classes * sizeof(float));
}

static void take_grains(void *context, int thread)
{
    const struct job *job = context;
    const struct model *model = job->crew->model;
    struct lane lane = crew_lane(job->crew, job->lanes, thread, job->begin, job->end);
    if (lane.index < 0)
        return;
    int size = shape_size(model->in);
    for (int g = lane.begin; g < lane.end; g++) {
        uint64_t first = (uint64_t)g * (uint64_t)model->grain;
        uint64_t left = job->count - first;
        int n = left < (uint64_t)model->grain ? (int)left : model->grain;
        int b, e;
        team_split(&lane.team, n, &b, &e);
        for (int i = b; i < e; i++)
            loader_fill(job->loader, first + (uint64_t)i,
                        lane.ws->activation[0] + (size_t)i * (size_t)size,
                        &lane.ws->label[i], &lane.ws->sample[i]);
        team_barrier(&lane.team);
        struct grain_pass pass = {.team = lane.team, .n = n, .params = job->params};
        struct grain_result result;
        model_forward(model, lane.ws, &pass);
        model_loss(model, lane.ws, &pass, &result);
        if (lane.team.index == 0) {
            job->loss[g] = (double)result.loss;
            count_answers(job, &lane, n, first);
        }
        team_barrier(&lane.team);
    }
}

static enum status rank_grains(struct job *job, struct loader *loader, int begin, int end)
{
    int grain = job->crew->model->grain;
    int step = CHUNK * job->crew->plan.lanes;
    uint64_t most = (uint64_t)step * (uint64_t)grain;
    for (int g = begin; g < end; g += step) {
        if (stop_requested() || timer_now() > job->latest)
            return ST_AGAIN;
        job->begin = g;
        job->end = g + step < end ? g + step : end;
        job->lanes = plan_lanes(&job->crew->plan, job->end - job->begin);
        uint64_t first = (uint64_t)g * (uint64_t)grain;
        uint64_t last = (uint64_t)job->end * (uint64_t)grain;
        if (last > job->count)
            last = job->count;
        where_mark(WHERE_EVALUATE);
        TRY(loader_prepare(loader, 0, first, last - first, most));
        team_run(job->crew->plan.threads, take_grains, job);
    }
    return ST_OK;
}

static void sum_up(struct comm *comm, struct job *job, int grains,
                   struct evaluation *result)
{
    int classes = job->crew->model->classes;
    size_t cells = (size_t)classes * (size_t)classes;
    result->confusion = mem_zeroed(cells, sizeof *result->confusion);
    for (int lane = 0; lane < job->crew->plan.lanes; lane++)
        for (size_t i = 0; i < cells; i++)
            result->confusion[i] += job->confusion[(size_t)lane * cells + i];
    comm_sum_u64(comm, result->confusion, (int)cells);
    comm_merge(comm, job->loss, (size_t)grains * sizeof *job->loss);
    double loss = 0;
    for (int g = 0; g < grains; g++)
        loss += job->loss[g];
    result->count = job->count;
    result->loss = loss / (double)job->count;
    result->correct = 0;
    for (int c = 0; c < classes; c++)
        result->correct += result->confusion[(size_t)c * ((size_t)classes + 1)];
}

enum status evaluate(struct comm *comm, struct crew *crew, struct loader *loader,
                     const float *params, double latest, struct evaluation *result,
                     struct evaluation_rows *rows)
{
    const struct model *model = crew->model;
    uint64_t count = loader->dataset->info.count[loader->split];
    int grains = (int)((count + (uint64_t)model->grain - 1) / (uint64_t)model->grain);
    int begin, end;
    *result = (struct evaluation){0};
    ASSERT(count > 0);
    tree_share(grains, comm_size(comm), comm_rank(comm), &begin, &end);
    size_t cells = (size_t)model->classes * (size_t)model->classes;
    struct job job = {
        .crew = crew,
        .loader = loader,
        .params = params,
        .count = count,
        .latest = latest,
        .loss = mem_zeroed((size_t)grains, sizeof(double)),
        .confusion = mem_zeroed((size_t)crew->plan.lanes * cells, sizeof(uint64_t)),
        .rows = rows,
    };
    if (rows) {
        uint64_t last = (uint64_t)end * (uint64_t)model->grain;
        rows->first = (uint64_t)begin * (uint64_t)model->grain;
        rows->count = begin == end ? 0 : (last < count ? last : count) - rows->first;
        rows->logprobs =
            mem_zeroed(rows->count * (uint64_t)model->classes, sizeof(float));
    }
    enum status st = rank_grains(&job, loader, begin, end);
    where_mark(WHERE_EVALUATE);
    st = comm_agree(comm, st);
    if (st == ST_OK)
        sum_up(comm, &job, grains, result);
    free(job.loss);
    free(job.confusion);
    return st;
}

void evaluation_release(struct evaluation *evaluation)
{
    free(evaluation->confusion);
    *evaluation = (struct evaluation){0};
}

void evaluation_rows_release(struct evaluation_rows *rows)
{
    free(rows->logprobs);
    *rows = (struct evaluation_rows){0};
}
