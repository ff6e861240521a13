/*
 * team: threads. With team.c the only home of OpenMP.
 *
 * team_run starts one parallel region; inside it, threads work alone or in teams. A team
 * is a group of threads that share one grain. They divide results (channels, features,
 * elements), never a sum, so the bits do not depend on the size of the team.
 */
#ifndef LOCKSTEP_KERNELS_TEAM_H
#define LOCKSTEP_KERNELS_TEAM_H

#include <stdatomic.h>

#include "base/wait.h"
#include "kernels/split.h"

/* Shared by the members of a team; zero-initialised. */
struct team_shared {
    _Alignas(64) atomic_int arrived;
    _Alignas(64) struct wait_word phase;
};

/* One member's view. A thread alone is {.size = 1}. */
struct team {
    int size;
    int index;
    struct team_shared *shared; /* may be NULL for size 1 */
    enum split split; /* of the next pass; a kernel that does not support it chooses */
};

/* Runs body(context, thread) once for each thread in [0, threads), in one OpenMP parallel
   region, and returns when all have finished. */
void team_run(int threads, void (*body)(void *context, int thread), void *context);

/* The most threads that team_run can start (OMP_THREAD_LIMIT). */
int team_limit(void);

/* Waits until every member has called it, as base/wait.h says. */
void team_barrier(const struct team *team);

/* This member's part [*begin, *end) of `count` items: contiguous, in order of the
   members, sizes differ by at most one. */
void team_split(const struct team *team, int count, int *begin, int *end);

#endif
