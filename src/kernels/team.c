#include "kernels/team.h"

#include <omp.h>
#include <sched.h>
#include <stdbool.h>

#include "base/status.h"

#define TEAM_SPINS 2000 /* about the time of a thread's share of a small layer */

void team_run(int threads, void (*body)(void *context, int thread), void *context)
{
    bool complete = true;
    omp_set_dynamic(0); /* OMP_DYNAMIC gives fewer threads on a busy machine */
#pragma omp parallel num_threads(threads) reduction(&& : complete)
    {
        complete = omp_get_num_threads() == threads;
        if (complete)
            body(context, omp_get_thread_num());
    }
    ASSERT(complete && "OpenMP gave fewer threads than asked for (OMP_THREAD_LIMIT?)");
}

int team_limit(void)
{
    return omp_get_thread_limit();
}

static inline void team_pause(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#endif
}

/* Sense-reversing barrier: the last to arrive opens the next phase. */
void team_barrier(const struct team *team)
{
    if (team->size == 1)
        return;
    struct team_shared *shared = team->shared;
    int phase = atomic_load_explicit(&shared->phase, memory_order_relaxed);
    if (atomic_fetch_add_explicit(&shared->arrived, 1, memory_order_acq_rel) + 1 ==
        team->size) {
        atomic_store_explicit(&shared->arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&shared->phase, phase + 1, memory_order_release);
        return;
    }
    for (int spin = 0;
         atomic_load_explicit(&shared->phase, memory_order_acquire) == phase; spin++) {
        if (spin < TEAM_SPINS)
            team_pause();
        else
            sched_yield();
    }
}

void team_split(const struct team *team, int count, int *begin, int *end)
{
    *begin = (int)((long long)count * team->index / team->size);
    *end = (int)((long long)count * (team->index + 1) / team->size);
}
