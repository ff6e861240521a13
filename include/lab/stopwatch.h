/*
 * stopwatch: the time that a team takes, from the first member's start to the last one's
 * end. One member's own clock would miss what others do while it has no core.
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
        long put_off; /* how often the thread lost its CPU to others */
    } lap[STOPWATCH_THREADS];
    bool alone; /* member 0's to read: meanwhile no member lost its CPU */
};

/* Every member of the team calls both; they wait for each other, outside of the time.
   Returns the seconds between to member 0, 0 to the others. */
void stopwatch_begin(struct stopwatch *watch, const struct team *team);
double stopwatch_end(struct stopwatch *watch, const struct team *team);

/* How often a thread of this process has lost its CPU to others so far. */
long stopwatch_put_off(void);

#endif
