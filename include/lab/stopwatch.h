/*
 * stopwatch: the time that a team takes, from its first member's start to its last one's
 * end. The clock of a single member would miss what others do while it has no core.
 */
#ifndef LOCKSTEP_LAB_STOPWATCH_H
#define LOCKSTEP_LAB_STOPWATCH_H

#include <stdbool.h>

#include "kernels/team.h"

#define STOPWATCH_THREADS 64

struct stopwatch {
    struct {
        _Alignas(64) double begin;
        double end;
        long preemptions; /* how often the thread lost its CPU to other work */
    } lap[STOPWATCH_THREADS];
    bool undisturbed; /* for member 0: no member lost its CPU in the meantime */
};

/* Called by every member of the team; both contain a barrier, which is not timed.
   stopwatch_end returns the seconds to member 0, 0 to the others. */
void stopwatch_begin(struct stopwatch *watch, const struct team *team);
double stopwatch_end(struct stopwatch *watch, const struct team *team);

/* How often a thread of this process has lost its CPU to other work so far. */
long stopwatch_preemptions(void);

#endif
