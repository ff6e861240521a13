#include "lab/machine.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/status.h"
#include "base/timer.h"
#include "kernels/cpu.h"
#include "kernels/lab.h"
#include "kernels/peak.h"
#include "kernels/team.h"
#include "lab/stopwatch.h"

#define MACHINE_REGIONS  301
#define MACHINE_WAKES    21
#define MACHINE_PATIENCE 1.0   /* seconds of a measurement, at most */
#define MACHINE_PAUSE    10000 /* microseconds after which OpenMP's threads sleep */
#define MACHINE_MEETINGS 201
#define MACHINE_BARRIERS 20 /* of a measurement */
#define TRIADS           7
#define TRIAD_SECONDS    2e-3              /* least length of a triad's measurement */
#define TRIAD_MOST       ((size_t)1 << 29) /* bytes of all arrays */

static const char *const machine_level_names[] = {"L1", "L2", "L3", "memory"};

const char *machine_level_name(enum machine_level level)
{
    return machine_level_names[level];
}

const struct machine_team *machine_team(const struct machine *machine, int threads)
{
    for (int i = 0; i < machine->teams; i++)
        if (machine->team[i].threads == threads)
            return &machine->team[i];
    return NULL;
}

enum machine_level machine_level(const struct machine *machine, size_t bytes)
{
    int level = MACHINE_L1;
    while (level < MACHINE_MEMORY && machine->cache[level] < bytes)
        level++;
    return (enum machine_level)level;
}

/* --- regions and barriers --- */

static void machine_do_nothing(void *context, int thread)
{
    (void)context;
    (void)thread;
}

/* Are more values wanted? Until there are `count` undisturbed ones or MACHINE_PATIENCE
   ends. */
static bool machine_values_wanted(const struct sample_values *values, int count,
                                  double begin)
{
    return values->clean < count && timer_now() - begin < MACHINE_PATIENCE;
}

static struct sample machine_measure_regions(int threads, int count, unsigned pause)
{
    struct sample_values *values = mem_zeroed(1, sizeof *values);
    team_run(threads, machine_do_nothing, NULL);
    for (double since = timer_now(); machine_values_wanted(values, count, since);) {
        if (pause)
            usleep(pause);
        long preemptions = stopwatch_preemptions();
        double begin = timer_now();
        team_run(threads, machine_do_nothing, NULL);
        double seconds = timer_now() - begin;
        sample_add(values, seconds, stopwatch_preemptions() == preemptions);
    }
    struct sample sample = sample_take(values);
    free(values);
    return sample;
}

struct machine_barriers {
    int threads;
    struct sample_values seconds;
    struct stopwatch watch;
    struct team_shared shared;
};

/* Several barriers in a row: the work of a single member does not count then. */
static void machine_barriers_run(void *context, int thread)
{
    struct machine_barriers *m = context;
    struct team team = {.size = m->threads, .index = thread, .shared = &m->shared};
    stopwatch_begin(&m->watch, &team);
    for (int i = 0; i < MACHINE_BARRIERS; i++)
        team_barrier(&team);
    double seconds = stopwatch_end(&m->watch, &team);
    if (thread == 0)
        sample_add(&m->seconds, seconds / MACHINE_BARRIERS, m->watch.undisturbed);
}

static struct sample machine_measure_barrier(int threads)
{
    struct machine_barriers *m = mem_aligned(1, sizeof *m);
    m->threads = threads;
    for (double since = timer_now();
         machine_values_wanted(&m->seconds, MACHINE_MEETINGS, since);)
        team_run(threads, machine_barriers_run, m);
    struct sample sample = sample_take(&m->seconds);
    free(m);
    return sample;
}

/* --- bandwidth --- */

struct triad {
    int threads;
    size_t floats; /* of each of a thread's three arrays */
    long rounds;
    double seconds;
    struct stopwatch watch;
    struct team_shared shared;
};

static void triad_rounds(const struct triad *s, float *a, const float *b, const float *c,
                         long rounds)
{
    for (long i = 0; i < rounds; i++)
        lab_kernels()->triad(a, b, c, 0.5f, s->floats);
}

/* Each thread touches its arrays first, so that they lie in its node's memory. */
static void triad_run(void *context, int thread)
{
    struct triad *s = context;
    struct team team = {.size = s->threads, .index = thread, .shared = &s->shared};
    float *a = mem_aligned(3 * s->floats, sizeof *a), *b = a + s->floats;
    triad_rounds(s, a, b, b + s->floats, 1);
    if (thread == 0) {
        double begin = timer_now();
        triad_rounds(s, a, b, b + s->floats, 1);
        double once = timer_now() - begin;
        s->rounds = once < TRIAD_SECONDS ? (long)(TRIAD_SECONDS / (once + 1e-9)) + 1 : 1;
    }
    team_barrier(&team);
    for (int i = 0; i < TRIADS; i++) {
        stopwatch_begin(&s->watch, &team);
        triad_rounds(s, a, b, b + s->floats, s->rounds);
        double seconds = stopwatch_end(&s->watch, &team);
        if (thread == 0 && (s->seconds == 0 || seconds < s->seconds))
            s->seconds = seconds;
    }
    free(a);
}

/* The arrays fill half of a level; L1 and L2 are each core's own. In memory they take
   four times the last cache. */
static size_t triad_floats(const struct machine *machine, int level, int threads)
{
    size_t last = machine->cache[MACHINE_L3] ? machine->cache[MACHINE_L3]
                                             : machine->cache[MACHINE_L2];
    size_t bytes = machine->cache[level < MACHINE_MEMORY ? level : 0] / 2;
    if (level == MACHINE_L3)
        bytes /= (size_t)threads;
    if (level == MACHINE_MEMORY)
        bytes = (4 * last < TRIAD_MOST ? 4 * last : TRIAD_MOST) / (size_t)threads;
    return bytes / (3 * sizeof(float)) / 16 * 16;
}

static double machine_measure_bandwidth(const struct machine *machine, int level,
                                        int threads)
{
    struct triad *s = mem_aligned(1, sizeof *s);
    *s = (struct triad){.threads = threads,
                        .floats = triad_floats(machine, level, threads)};
    double rate = 0;
    if (s->floats > 0) {
        team_run(threads, triad_run, s);
        double bytes = 3.0 * sizeof(float) * (double)s->floats * threads;
        rate = bytes * (double)s->rounds / s->seconds;
    }
    free(s);
    return rate;
}

void machine_measure(struct machine *machine, const int *threads, int count)
{
    ASSERT(count <= MACHINE_TEAMS);
    *machine = (struct machine){.cpus = cpu_usable(), .teams = count};
    for (int level = 0; level < MACHINE_MEMORY; level++)
        machine->cache[level] = cpu_cache(level + 1);
    machine->peak = peak_registers();
    for (int i = 0; i < count; i++) {
        struct machine_team *team = &machine->team[i];
        team->threads = threads[i];
        team->region = machine_measure_regions(threads[i], MACHINE_REGIONS, 0);
        team->wake = machine_measure_regions(threads[i], MACHINE_WAKES, MACHINE_PAUSE);
        team->barrier = machine_measure_barrier(threads[i]);
        for (int level = 0; level < MACHINE_LEVELS; level++)
            team->bandwidth[level] =
                machine_measure_bandwidth(machine, level, threads[i]);
    }
}
