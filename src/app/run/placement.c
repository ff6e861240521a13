#include "app/run/placement.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/run/prepare.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/thread.h"
#include "comm/comm.h"
#include "comm/watch.h"
#include "kernels/cpu.h"
#include "kernels/team.h"

#define THREADS_PER_CPU 32 /* more only fill the memory with workspaces */
#define BESIDE          4  /* threads: watch, checkpoint, reading, augmenting */

#define STALL_TIMEOUT_MAX 604800 /* seconds: a week */
#define STALL_WARNING     60.0   /* seconds, or half the timeout */

static bool same_host(const struct run_rank *a, const struct run_rank *b)
{
    return strcmp(a->host, b->host) == 0;
}

static bool same_cpus(const struct run_rank *a, const struct run_rank *b)
{
    return same_host(a, b) && strcmp(a->cpus, b->cpus) == 0;
}

/* A number from the environment; 0: none. */
static int env_count(const char *name)
{
    const char *text = getenv(name);
    long long number;
    return text && parse_int(text, 1, INT_MAX, &number) ? (int)number : 0;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static void fair_threads(struct run_ranks *ranks)
{
    for (int r = 0; r < ranks->count; r++) {
        struct run_rank *rank = &ranks->rank[r];
        int sharing = 0;
        for (int s = 0; s < ranks->count; s++)
            sharing += same_cpus(rank, &ranks->rank[s]);
        int share = least(rank->allowed, rank->granted) / sharing;
        if (rank->threads == 0)
            rank->threads = share > 0 ? share : 1;
    }
}

/* Threads and CPUs of the host of rank r: sets of CPUs are the same or apart, as mpirun
   and SLURM bind. */
static void host_load(const struct run_ranks *ranks, int r, int *threads, int *cpus,
                      int *count)
{
    *threads = *cpus = *count = 0;
    for (int s = 0; s < ranks->count; s++) {
        if (!same_host(&ranks->rank[r], &ranks->rank[s]))
            continue;
        bool counted = false;
        for (int t = 0; t < s; t++)
            counted = counted || same_cpus(&ranks->rank[s], &ranks->rank[t]);
        *threads += ranks->rank[s].threads;
        *cpus += counted ? 0 : ranks->rank[s].allowed;
        ++*count;
    }
}

/* The environment of all ranks is taken to be the same here. */
static void keep_thread_limit(struct run_ranks *ranks)
{
    for (int r = 0; r < ranks->count; r++) {
        ranks->limited = ranks->limited || ranks->rank[r].threads > team_limit();
        ranks->rank[r].threads = least(ranks->rank[r].threads, team_limit());
    }
}

/* Who bound the ranks, and how to have it not do so; NULL: the user, it seems. */
static const char *unbinding(void)
{
    if (cpu_openmp_binds())
        return "unset OMP_PROC_BIND, OMP_PLACES and GOMP_CPU_AFFINITY";
    if (getenv("OMPI_COMM_WORLD_SIZE"))
        return "start with 'mpirun --bind-to none'";
    return getenv("SLURM_STEP_ID") ? "start with 'srun --cpu-bind=none'" : NULL;
}

static void note_bound(const struct run_rank *rank, int threads, int cpus, int count)
{
    log_note("%d thread%s of %d rank%s on %s: bound to %d of %d CPUs (%s); %s", threads,
             threads > 1 ? "s" : "", count, count > 1 ? "s" : "", rank->host, cpus,
             rank->granted, rank->cpus, unbinding());
}

static void note_too_many(const struct run_rank *rank, int threads, int cpus, int count)
{
    char fewer[64] = "";
    if (threads > count)
        snprintf(fewer, sizeof fewer, "--threads %d or ",
                 cpus / count > 0 ? cpus / count : 1);
    log_note("%d threads of %d rank(s) on the %d CPUs of %s: slower than fewer; use "
             "%s'mpirun -n %d'",
             threads, count, cpus, rank->host, fewer, least(cpus, count));
}

static void note_load(const struct run_ranks *ranks, bool asked)
{
    for (int r = 0; r < ranks->count; r++) {
        const struct run_rank *rank = &ranks->rank[r];
        int threads, cpus, count;
        if (rank->node_rank != 0)
            continue;
        host_load(ranks, r, &threads, &cpus, &count);
        bool lone = !asked && count == 1 && cpus == 1;
        if (unbinding() && cpus < rank->granted && (threads > cpus || lone))
            note_bound(rank, threads, cpus, count);
        else if (threads > cpus)
            note_too_many(rank, threads, cpus, count);
    }
}

static void note_slurm(const struct comm *comm)
{
    int tasks = env_count("SLURM_NTASKS");
    if (tasks > 1 && comm_size(comm) == 1)
        log_note(
            "SLURM_NTASKS is %d but this is one rank, which trains alone; start with "
            "'mpirun', or 'srun --mpi=pmix'",
            tasks);
}

/* On other CPUs, or where the environment has not come along. */
static void note_kernels(const struct run_ranks *ranks)
{
    for (int r = 1; r < ranks->count; r++) {
        const struct run_rank *rank = &ranks->rank[r];
        if (strcmp(rank->kernels, ranks->rank[0].kernels) == 0)
            continue;
        log_note("rank %d on %s has kernels %s, rank 0 %s: the same bits come only from "
                 "the same ranks; set LOCKSTEP_ISA and OPENBLAS_CORETYPE alike for all "
                 "('mpirun -x NAME' hands them on)",
                 r, rank->host, rank->kernels, ranks->rank[0].kernels);
        return;
    }
}

void run_ranks_find(struct run_ranks *ranks, struct comm *comm, int threads)
{
    int online = cpu_online(), given = env_count("SLURM_CPUS_ON_NODE");
    struct run_rank mine = {
        .allowed = cpu_allowed(),
        .granted = given ? least(given, online) : online,
        .threads = threads ? threads : env_count("SLURM_CPUS_PER_TASK"),
        .node_rank = comm_node_rank(comm),
    };
    *ranks = (struct run_ranks){.count = comm_size(comm), .asked = mine.threads > 0};
    snprintf(mine.host, sizeof mine.host, "%s", comm_host(comm));
    snprintf(mine.cpus, sizeof mine.cpus, "%s", cpu_allowed_list());
    snprintf(mine.kernels, sizeof mine.kernels, "%s, %s", cpu_isa_name(cpu_isa()),
             cpu_blas());
    ranks->rank = mem_zeroed((size_t)ranks->count, sizeof mine);
    comm_allgather(comm, &mine, ranks->rank, sizeof mine);
    fair_threads(ranks);
    keep_thread_limit(ranks);
    int own = run_threads(ranks, comm);
    mem_promise(cpu_blas_bytes(own) + (size_t)(own - 1 + BESIDE) * thread_stack_bytes());
}

void run_ranks_note(const struct run_ranks *ranks, const struct comm *comm)
{
    if (ranks->limited)
        log_note("OMP_THREAD_LIMIT=%d: no rank has more threads; unset it", team_limit());
    note_load(ranks, ranks->asked);
    note_kernels(ranks);
    note_slurm(comm);
    const char *advice = prepare_threads_advice(run_threads(ranks, comm));
    if (advice)
        log_note("%s", advice);
}

void run_ranks_init(struct run_ranks *ranks, struct comm *comm, int threads)
{
    run_ranks_find(ranks, comm, threads);
    run_ranks_note(ranks, comm);
}

void run_ranks_release(struct run_ranks *ranks)
{
    free(ranks->rank);
    *ranks = (struct run_ranks){0};
}

enum status run_agree(struct comm *comm, enum status st, const char *why)
{
    enum status *all = mem_zeroed((size_t)comm_size(comm), sizeof *all);
    int first = 0;
    comm_allgather(comm, &st, all, sizeof st);
    while (first < comm_size(comm) - 1 && all[first] == ST_OK)
        first++;
    if (all[first] != ST_OK && first == comm_rank(comm)) {
        log_set_replicated(false);
        log_error("%s", why);
        log_set_replicated(true);
    }
    st = all[first];
    free(all);
    return st;
}

static enum status check_threads(long long threads)
{
    long long most = THREADS_PER_CPU * (long long)cpu_online();
    if (threads > most)
        FAIL(ST_USAGE, "%lld threads per rank: at most %lld make sense on %d CPUs",
             threads, most, cpu_online());
    if (threads > team_limit())
        FAIL(ST_USAGE,
             "OMP_THREAD_LIMIT=%d allows fewer threads than %lld; unset it, or use "
             "--threads %d",
             team_limit(), threads, team_limit());
    return ST_OK;
}

enum status run_check_threads(struct comm *comm, long long threads)
{
    char why[STATUS_TEXT];
    status_capture(why);
    enum status st = check_threads(threads);
    status_capture(NULL);
    return run_agree(comm, st, why);
}

enum status run_watch(struct comm *comm, long long timeout)
{
    if (timeout > STALL_TIMEOUT_MAX)
        FAIL(ST_USAGE, "'--stall-timeout %lld' is too long: at most %d seconds, a week",
             timeout, STALL_TIMEOUT_MAX);
    double seconds = (double)timeout;
    if (timeout > 0)
        comm_watch_start(comm, fmin(seconds / 2, STALL_WARNING), seconds);
    return ST_OK;
}

int run_threads(const struct run_ranks *ranks, const struct comm *comm)
{
    return ranks->rank[comm_rank(comm)].threads;
}

int run_node_cpus(const struct run_ranks *ranks, const struct comm *comm)
{
    int threads, cpus, count;
    host_load(ranks, comm_rank(comm), &threads, &cpus, &count);
    return cpus;
}

int run_spare_cpus(const struct run_ranks *ranks, const struct comm *comm)
{
    int threads, cpus, count;
    host_load(ranks, comm_rank(comm), &threads, &cpus, &count);
    return cpus > threads ? cpus - threads : 0;
}

/* Ranks in a row with the same host and threads are told in one go. */
void run_ranks_print(const struct run_ranks *ranks)
{
    for (int r = 0; r < ranks->count;) {
        const struct run_rank *first = &ranks->rank[r];
        int last = r;
        while (last + 1 < ranks->count && same_host(first, &ranks->rank[last + 1]) &&
               first->threads == ranks->rank[last + 1].threads)
            last++;
        log_out("%-10s %d rank%s x %d thread%s on %s, CPUs %s", r ? "" : "parallel",
                last - r + 1, last > r ? "s" : "", first->threads,
                first->threads > 1 ? "s" : "", first->host, first->cpus);
        for (int s = r + 1; s <= last; s++)
            if (!same_cpus(&ranks->rank[s], &ranks->rank[s - 1]))
                log_out(" | %s", ranks->rank[s].cpus);
        log_out("\n");
        r = last + 1;
    }
}
