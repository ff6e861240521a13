/*
 * crew: the threads of a rank and the workspaces they compute in.
 *
 * Threads are grouped into lanes; a lane takes one grain at a time through the network in
 * a workspace of its own. With at least as many grains as threads each thread is a lane
 * (batch parallelism); with fewer, the threads of a lane share its grain by output
 * channels and features (channel parallelism). The bits are the same.
 */
#ifndef LOCKSTEP_TRAIN_CREW_H
#define LOCKSTEP_TRAIN_CREW_H

#include "base/timer.h"
#include "kernels/team.h"
#include "nn/model.h"
#include "train/options.h"

struct crew {
    const struct model *model; /* borrowed */
    int threads;
    int intra;                    /* enum intra_kind */
    int lanes_max;                /* workspaces */
    struct workspace *workspace;  /* owned: (lanes_max) */
    struct team_shared *barriers; /* owned: the barrier of all threads */
};

void crew_init(struct crew *crew, const struct model *model, int threads, int intra);
void crew_release(struct crew *crew);

/* How many lanes work on so many grains; 1 at least. */
int crew_lanes(const struct crew *crew, int grains);

/* The most threads that one of `lanes` lanes has. */
int crew_members(const struct crew *crew, int lanes);

/* Thread `thread` of the crew when `lanes` lanes share grains [begin, end). */
struct lane {
    int index; /* -1: nothing to do (more threads than grains, batch parallelism only) */
    struct team team;
    struct workspace *ws;
    int begin, end; /* its grains */
};
struct lane crew_lane(const struct crew *crew, int lanes, int thread, int begin, int end);

/* All threads of the crew as one team. */
struct team crew_all(const struct crew *crew, int thread);

#endif
