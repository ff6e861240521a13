/*
 * crew: the threads of a rank and the workspaces they compute in.
 *
 * Threads are grouped into lanes. A lane takes one grain at a time through the network,
 * in a workspace of its own. The plan (train/plan.h) says how many lanes there are: if
 * each thread is a lane, that is batch parallelism; if there are fewer, the threads of a
 * lane share its grain layer by layer. The bits are the same.
 */
#ifndef LOCKSTEP_TRAIN_CREW_H
#define LOCKSTEP_TRAIN_CREW_H

#include "base/timer.h"
#include "kernels/team.h"
#include "nn/packed.h"
#include "nn/workspace.h"
#include "train/plan.h"
#include "train/stage.h"

struct crew {
    const struct stage *stage; /* borrowed */
    const struct model *model; /* the stage's */
    struct parallel_plan plan;
    int begin; /* op that passes begin with (train/features.h); those before stay
                  packed */
    int slots; /* workspaces of each lane: stage_slots */
    struct workspace *workspace;  /* owned: (slots, plan.lanes) */
    float *packed;                /* owned: the model's packed weights (nn/packed.h) */
    struct team_shared *barriers; /* owned: the barrier of all threads */
};

void crew_init(struct crew *crew, const struct stage *stage,
               const struct parallel_plan *plan);
void crew_release(struct crew *crew);

/* Bytes of the workspaces and the packed weights. Of the stage: count, index and
   model. */
size_t crew_bytes(const struct stage *stage, const struct parallel_plan *plan);

/* Packs the weights (the stage's flat vector), after each change of them and before the
   first grain. All threads call it; ends with a barrier. crew_pack starts them. */
void crew_pack_in_thread(struct crew *crew, int thread, const float *params);
void crew_pack(struct crew *crew, const float *params);

struct lane {
    int index; /* -1: no lane (more threads than grains, no teams) */
    struct team team;
    struct workspace *ws; /* of round 0 */
    int begin, end;       /* the lane's grains */
};
/* The lane of thread `thread` when `lanes` lanes share grains [begin, end). */
struct lane crew_lane(const struct crew *crew, int lanes, int thread, int begin, int end);

/* The workspace of a lane for the grain of a round (train/stage.h). */
struct workspace *crew_workspace(const struct crew *crew, int lane, int round);

/* All threads of the crew as one team. */
struct team crew_all(const struct crew *crew, int thread);

#endif
