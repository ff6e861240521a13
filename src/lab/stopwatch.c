#include "lab/stopwatch.h"

#include <sys/resource.h>

#include "base/status.h"
#include "base/timer.h"

static long times_put_off(int who)
{
    struct rusage usage;
    return getrusage(who, &usage) == 0 ? usage.ru_nivcsw : 0;
}

long stopwatch_put_off(void)
{
    return times_put_off(RUSAGE_SELF);
}

void stopwatch_begin(struct stopwatch *watch, const struct team *team)
{
    ASSERT(team->size <= STOPWATCH_THREADS);
    watch->lap[team->index].put_off = times_put_off(RUSAGE_THREAD);
    team_barrier(team);
    watch->lap[team->index].begin = timer_now();
}

double stopwatch_end(struct stopwatch *watch, const struct team *team)
{
    watch->lap[team->index].end = timer_now();
    watch->lap[team->index].put_off -= times_put_off(RUSAGE_THREAD);
    team_barrier(team);
    if (team->index != 0)
        return 0;
    double first = watch->lap[0].begin, last = watch->lap[0].end;
    watch->alone = true;
    for (int i = 0; i < team->size; i++) {
        first = watch->lap[i].begin < first ? watch->lap[i].begin : first;
        last = watch->lap[i].end > last ? watch->lap[i].end : last;
        watch->alone = watch->alone && watch->lap[i].put_off == 0;
    }
    return last - first;
}
