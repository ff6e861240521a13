#include "train/crew.h"

#include <stdlib.h>

#include "base/div.h"
#include "base/mem.h"
#include "comm/tree.h"

static int crew_workspaces(const struct crew *crew)
{
    return crew->slots * crew->plan.lanes;
}

/* The most threads of a lane: lane i is there only if there are more than i lanes. */
static int crew_members(const struct parallel_plan *plan, int lane)
{
    return plan->teams ? div_up(plan->threads, lane + 1) : 1;
}

void crew_init(struct crew *crew, const struct stage *stage,
               const struct parallel_plan *plan)
{
    *crew = (struct crew){
        .stage = stage,
        .model = stage->model,
        .plan = *plan,
        .begin = stage->model->begin,
        .slots = stage_slots(stage),
        .barriers = mem_aligned(1, sizeof(struct team_shared)),
    };
    crew->workspace = mem_aligned((size_t)crew_workspaces(crew), sizeof *crew->workspace);
    for (int i = 0; i < crew_workspaces(crew); i++)
        workspace_init(&crew->workspace[i], crew->model,
                       crew_members(plan, i % plan->lanes));
    crew->packed = mem_aligned(crew->model->packed, sizeof *crew->packed);
}

void crew_release(struct crew *crew)
{
    for (int i = 0; i < crew_workspaces(crew); i++)
        workspace_release(&crew->workspace[i]);
    free(crew->workspace);
    free(crew->packed);
    free(crew->barriers);
    *crew = (struct crew){0};
}

size_t crew_bytes(const struct stage *stage, const struct parallel_plan *plan)
{
    size_t lanes = 0;
    for (int i = 0; i < plan->lanes; i++)
        lanes += workspace_bytes(stage->model, crew_members(plan, i));
    return (size_t)stage_slots(stage) * lanes + stage->model->packed * sizeof(float);
}

void crew_pack_in_thread(struct crew *crew, int thread, const float *params)
{
    struct team all = crew_all(crew, thread);
    model_pack(crew->model, &all, crew->begin, crew->packed, params);
}

struct crew_packing {
    struct crew *crew;
    const float *params;
};

static void crew_pack_thread(void *context, int thread)
{
    const struct crew_packing *packing = context;
    crew_pack_in_thread(packing->crew, thread, packing->params);
}

void crew_pack(struct crew *crew, const float *params)
{
    struct crew_packing packing = {crew, params};
    if (crew->model->packed > 0)
        team_run(crew->plan.threads, crew_pack_thread, &packing);
}

struct lane crew_lane(const struct crew *crew, int lanes, int thread, int begin, int end)
{
    struct lane lane = {.index = -1};
    for (int i = 0; i < lanes; i++) {
        int first = i, last = i + 1;
        if (crew->plan.teams)
            tree_share(crew->plan.threads, lanes, i, &first, &last);
        if (thread < first || thread >= last)
            continue;
        lane.index = i;
        lane.ws = &crew->workspace[i];
        lane.team = (struct team){
            .size = last - first, .index = thread - first, .shared = &lane.ws->team};
        tree_share(end - begin, lanes, i, &lane.begin, &lane.end);
        lane.begin += begin;
        lane.end += begin;
    }
    return lane;
}

struct workspace *crew_workspace(const struct crew *crew, int lane, int round)
{
    return &crew->workspace[round % crew->slots * crew->plan.lanes + lane];
}

struct team crew_all(const struct crew *crew, int thread)
{
    return (struct team){
        .size = crew->plan.threads, .index = thread, .shared = crew->barriers};
}
