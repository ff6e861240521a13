#include "train/crew.h"

#include <stdlib.h>

#include "base/mem.h"
#include "comm/tree.h"

void crew_init(struct crew *crew, const struct model *model, int threads, int intra)
{
    *crew = (struct crew){
        .model = model,
        .threads = threads,
        .intra = intra,
        .lanes_max = intra == INTRA_CHANNEL ? 1 : threads,
        .barriers = mem_aligned(1, sizeof(struct team_shared)),
    };
    crew->workspace = mem_aligned((size_t)crew->lanes_max, sizeof *crew->workspace);
    for (int i = 0; i < crew->lanes_max; i++)
        workspace_init(&crew->workspace[i], model);
}

void crew_release(struct crew *crew)
{
    for (int i = 0; i < crew->lanes_max; i++)
        workspace_release(&crew->workspace[i]);
    free(crew->workspace);
    free(crew->barriers);
    *crew = (struct crew){0};
}

int crew_lanes(const struct crew *crew, int grains)
{
    if (grains < 1)
        return 1;
    return grains < crew->lanes_max ? grains : crew->lanes_max;
}

int crew_members(const struct crew *crew, int lanes)
{
    return crew->intra == INTRA_BATCH ? 1 : (crew->threads + lanes - 1) / lanes;
}

struct lane crew_lane(const struct crew *crew, int lanes, int thread, int begin, int end)
{
    struct lane lane = {.index = -1};
    bool alone = crew->intra == INTRA_BATCH;
    for (int i = 0; i < lanes; i++) {
        int first = i, last = i + 1;
        if (!alone)
            tree_share(crew->threads, lanes, i, &first, &last);
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

struct team crew_all(const struct crew *crew, int thread)
{
    return (struct team){
        .size = crew->threads, .index = thread, .shared = crew->barriers};
}
