#include "lab/stopwatch.h"

#include <sys/resource.h>

#include "base/status.h"
#include "base/timer.h"

static long preemptions_of(int whose)
{
    struct rusage usage;
    return getrusage(whose, &usage) == 0 ? usage.ru_nivcsw : 0;
}

long stopwatch_preemptions(void)
{
    return preemptions_of(RUSAGE_SELF);
}

void stopwatch_begin(struct stopwatch *watch, const struct team *team)
{
    ASSERT(team->size <= STOPWATCH_THREADS);
    watch->lap[team->index].preemptions = preemptions_of(RUSAGE_THREAD);
    team_barrier(team);
    watch->lap[team->index].begin = timer_now();
}

double stopwatch_end(struct stopwatch *watch, const struct team *team)
{
    watch->lap[team->index].end = timer_now();
    watch->lap[team->index].preemptions -= preemptions_of(RUSAGE_THREAD);
    team_barrier(team);
    if (team->index != 0)
        return 0;
    double first = watch->lap[0].begin, last = watch->lap[0].end;
    watch->undisturbed = true;
    for (int i = 0; i < team->size; i++) {
        first = watch->lap[i].begin < first ? watch->lap[i].begin : first;
        last = watch->lap[i].end > last ? watch->lap[i].end : last;
        watch->undisturbed = watch->undisturbed && watch->lap[i].preemptions == 0;
    }
    return last - first;
}
