#include "kernels/team.h"

#include <omp.h>

#include "base/log.h"
#include "base/status.h"

void team_run(int threads, void (*body)(void *context, int thread), void *context)
{
    struct team_shared meeting = {0};
    int given = threads;
    omp_set_dynamic(0);           /* OMP_DYNAMIC gives fewer threads on a busy machine */
    omp_set_max_active_levels(1); /* OMP_MAX_ACTIVE_LEVELS=0 gives one */
#pragma omp parallel num_threads(threads)
    {
        struct team all = {
            .size = threads, .index = omp_get_thread_num(), .shared = &meeting};
        if (omp_get_num_threads() == threads) {
            body(context, all.index);
            team_barrier(&all); /* waits better than the end of the region */
        } else if (all.index == 0) {
            given = omp_get_num_threads();
        }
    }
    if (given == threads)
        return;
    log_error("OpenMP starts %d of %d threads; unset OMP_THREAD_LIMIT and other "
              "variables OMP_*, or use --threads %d",
              given, threads, given);
    status_abort(ST_USAGE);
}

int team_limit(void)
{
    return omp_get_thread_limit();
}

/* Sense-reversing barrier: the last to arrive opens the next phase. */
void team_barrier(const struct team *team)
{
    if (team->size == 1)
        return;
    struct team_shared *shared = team->shared;
    uint32_t phase = atomic_load_explicit(&shared->phase.value, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&shared->arrived, 1, memory_order_acq_rel) + 1 <
        team->size) {
        wait_while(&shared->phase, phase);
        return;
    }
    atomic_store_explicit(&shared->arrived, 0, memory_order_relaxed);
    wait_change(&shared->phase, phase + 1);
}

void team_split(const struct team *team, int count, int *begin, int *end)
{
    *begin = (int)((long long)count * team->index / team->size);
    *end = (int)((long long)count * (team->index + 1) / team->size);
}
