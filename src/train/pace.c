#include "pace.h"

#include <math.h>

void pace_interval(struct pace *pace, double seconds, uint64_t steps)
{
    double now = seconds / (double)steps;
    pace->step = pace->step > 0 ? (pace->step + now) / 2 : now;
}

double pace_left(const struct pace *pace, const struct train_run *run)
{
    uint64_t done = run->progress.step;
    uint64_t steps = done < run->total_steps ? run->total_steps - done : 0;
    if (pace->step == 0)
        return (double)NAN;
    return (double)steps * pace->step +
           (double)train_run_evaluations_left(run) * pace->evaluation;
}
