#include "train/evaluate.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/stop.h"
#include "base/timer.h"
#include "base/where.h"
#include "comm/comm.h"
#include "comm/tree.h"
#include "flow.h"
#include "train/state.h"

#define CHUNK 64 /* grains of a lane between two reads of a set that is not in memory */

/* A stretch of grains that the rank's lanes share in one parallel region. */
struct job {
    struct crew *crew;
    struct flow flow;
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

static void count_answers(const struct job *job, const struct lane *lane,
                          const struct workspace *ws, int n, uint64_t first)
{
    int classes = job->crew->model->classes;
    const float *logprobs = ws->logprobs;
    uint64_t *confusion =
        job->confusion + (size_t)lane->index * (size_t)classes * (size_t)classes;
    for (int i = 0; i < n; i++) {
        const float *row = logprobs + (size_t)i * (size_t)classes;
        int best = 0;
        for (int c = 1; c < classes; c++)
            if (row[c] > row[best])
                best = c;
        confusion[(size_t)ws->label[i] * (size_t)classes + (size_t)best]++;
    }
    if (job->rows)
        memcpy(job->rows->logprobs + (first - job->rows->first) * (uint64_t)classes,
               logprobs, (size_t)n * (size_t)classes * sizeof(float));
}

/* The first stage has the images, the last one needs the labels alone. */
static void load(const struct job *job, const struct lane *lane, struct workspace *ws,
                 uint64_t first, int n)
{
    int size = shape_size(job->crew->model->in), begin, end;
    bool images = stage_first(job->crew->stage);
    team_split(&lane->team, n, &begin, &end);
    for (int i = begin; i < end; i++) {
        uint64_t position = first + (uint64_t)i;
        if (images)
            loader_fill(job->loader, position,
                        ws->activation[0] + (size_t)i * (size_t)size, &ws->label[i],
                        &ws->sample[i]);
        else
            loader_label(job->loader, position, &ws->label[i], &ws->sample[i]);
    }
    team_barrier(&lane->team);
}

static void answer_grain(const struct job *job, const struct lane *lane, int round)
{
    const struct model *model = job->crew->model;
    struct workspace *ws = crew_workspace(job->crew, lane->index, round);
    int g = lane->begin + round;
    uint64_t first = (uint64_t)g * (uint64_t)model->grain;
    uint64_t left = job->count - first;
    int n = left < (uint64_t)model->grain ? (int)left : model->grain;
    load(job, lane, ws, first, n);
    struct grain_pass pass = {.team = lane->team, .n = n, .params = job->params};
    struct grain_result result;
    model_forward(model, ws, &pass);
    if (!stage_last(job->crew->stage))
        return;
    model_loss(model, ws, &pass, &result);
    if (lane->team.index == 0) {
        job->loss[g] = (double)result.loss;
        count_answers(job, lane, ws, n, first);
    }
    team_barrier(&lane->team);
}

/* Round by round, between what comes from the stage before and what goes to the next. */
static void pass_on(struct job *job, const struct lane *lane, int thread)
{
    struct team all = crew_all(job->crew, thread);
    if (thread == 0)
        flow_open(&job->flow);
    for (int round = 0; round < job->flow.rounds; round++) {
        if (thread == 0)
            flow_before_forward(&job->flow, round);
        team_barrier(&all);
        if (lane->index >= 0 && lane->begin + round < lane->end)
            answer_grain(job, lane, round);
        team_barrier(&all);
        if (thread == 0)
            flow_after_forward(&job->flow, round);
    }
    if (thread == 0)
        flow_close(&job->flow);
}

static void take_grains(void *context, int thread)
{
    struct job *job = context;
    struct lane lane = crew_lane(job->crew, job->lanes, thread, job->begin, job->end);
    if (job->crew->stage->count > 1) {
        pass_on(job, &lane, thread);
        return;
    }
    for (int g = lane.begin; lane.index >= 0 && g < lane.end; g++)
        answer_grain(job, &lane, g - lane.begin);
}

/* The stages of a replica go on or stop together. */
static enum status agree(const struct job *job, enum status st)
{
    const struct stage *stage = job->crew->stage;
    return stage->count > 1 ? comm_agree(stage->line, st) : st;
}

static enum status read_grains(struct job *job, struct loader *loader, uint64_t most)
{
    uint64_t grain = (uint64_t)job->crew->model->grain;
    uint64_t first = (uint64_t)job->begin * grain, last = (uint64_t)job->end * grain;
    if (stop_requested() || timer_now() > job->latest)
        return ST_AGAIN;
    if (last > job->count)
        last = job->count;
    if (!stage_first(job->crew->stage))
        last = first;
    where_mark(WHERE_EVALUATE);
    return loader_prepare(loader, 0, first, last - first, most);
}

static enum status rank_grains(struct job *job, struct loader *loader, int begin, int end)
{
    int grain = job->crew->model->grain;
    int step = CHUNK * job->crew->plan.lanes;
    uint64_t most = (uint64_t)step * (uint64_t)grain;
    for (int g = begin; g < end; g += step) {
        job->begin = g;
        job->end = g + step < end ? g + step : end;
        TRY(agree(job, read_grains(job, loader, most)));
        job->lanes = plan_lanes(&job->crew->plan, job->end - job->begin);
        flow_plan(&job->flow, job->begin, job->end, job->lanes, job->count, false);
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

/* Of grains [begin, end). */
static void make_rows(struct evaluation_rows *rows, const struct job *job, int begin,
                      int end)
{
    const struct model *model = job->crew->model;
    uint64_t grain = (uint64_t)model->grain, last = (uint64_t)end * grain;
    *rows = (struct evaluation_rows){.first = (uint64_t)begin * grain};
    if (begin < end && stage_last(job->crew->stage))
        rows->count = (last < job->count ? last : job->count) - rows->first;
    rows->logprobs = mem_zeroed(rows->count * (uint64_t)model->classes, sizeof(float));
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
    struct comm *peers = crew->stage->peers;
    tree_share(grains, comm_size(peers), comm_rank(peers), &begin, &end);
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
    if (rows)
        make_rows(rows, &job, begin, end);
    flow_init(&job.flow, crew);
    enum status st = rank_grains(&job, loader, begin, end);
    flow_release(&job.flow);
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

size_t evaluation_bytes(const struct stage *stage, int lanes)
{
    size_t tensor = state_largest(stage->whole) * sizeof(float);
    size_t crew = crew_bytes(stage, lanes);
    return stage->model->params * sizeof(float) + (crew > tensor ? crew : tensor);
}
