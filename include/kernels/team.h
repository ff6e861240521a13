/*
 * team: threads. Only home of OpenMP (with team.c).
 *
 * team_run starts one parallel region; inside, threads work alone or in teams. A team is
 * a group of threads that share one grain: they split output channels (or features, or
 * elements), never a sum, so the bits do not depend on the team's size.
 */
#ifndef LOCKSTEP_KERNELS_TEAM_H
#define LOCKSTEP_KERNELS_TEAM_H

#include <stdatomic.h>

#include "kernels/split.h"

/* Shared by the members of a team; zero-initialised. */
struct team_shared {
    _Alignas(64) atomic_int arrived;
    _Alignas(64) atomic_int phase;
};

/* One member's view. A thread alone is {.size = 1}. */
struct team {
    int size;
    int index;
    struct team_shared *shared; /* may be NULL for size 1 */
    enum split split; /* how the next pass is shared; kernels that do not know it
                         choose themselves */
};

/* Run body(context, thread) once for each thread in [0, threads), in one OpenMP parallel
   region, and return when all have finished. BLAS called inside sees one thread. */
void team_run(int threads, void (*body)(void *context, int thread), void *context);

/* The most threads that team_run can start (OMP_THREAD_LIMIT). */
int team_limit(void);

/* Wait until every member is here. Spins for a short while, then yields the core. */
void team_barrier(const struct team *team);

/* This member's part [*begin, *end) of count items: contiguous, in order, sizes differing
   by at most one. */
void team_split(const struct team *team, int count, int *begin, int *end);

#endif
