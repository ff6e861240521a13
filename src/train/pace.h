/*
 * pace: how long the rest of a run takes, from what its latest steps and its latest
 * evaluation took. Evaluations count from the first one that was timed.
 */
#ifndef LOCKSTEP_TRAIN_PACE_H
#define LOCKSTEP_TRAIN_PACE_H

#include "train_run.h"

struct pace {
    double step;       /* seconds, a mean in which each interval weighs as much as all
                          before it; 0: unknown */
    double evaluation; /* seconds of the latest one; 0: unknown */
};

/* An interval of this many steps has ended. */
void pace_interval(struct pace *pace, double seconds, uint64_t steps);

/* Seconds; NAN: not known yet. */
double pace_left(const struct pace *pace, const struct train_run *run);

#endif
