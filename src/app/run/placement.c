#include "app/run/placement.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/run/agree.h"
#include "app/run/prepare.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/thread.h"
#include "comm/comm.h"
#include "kernels/cpu.h"
#include "kernels/team.h"

#define THREADS_PER_CPU 32 /* the most: more threads only fill memory with workspaces */
#define HELPER_THREADS  4  /* watch, checkpoint, reading, augmenting */

static int min_int(int a, int b)
{
    return a < b ? a : b;
}

static bool placement_same_host(const struct placement_rank *a,
                                const struct placement_rank *b)
{
    return a->node == b->node;
}

static bool placement_same_cpus(const struct placement_rank *a,
                                const struct placement_rank *b)
{
    return placement_same_host(a, b) && strcmp(a->cpus, b->cpus) == 0;
}

/* --- one host --- */

/* The number of ranks of rank r's host, and the least of their quotas; 0: none. */
static double placement_host_quota(const struct placement *placement, int r, int *ranks)
{
    double least = 0;
    *ranks = 0;
    for (int s = 0; s < placement->count; s++) {
        const struct placement_rank *rank = &placement->rank[s];
        if (!placement_same_host(&placement->rank[r], rank))
            continue;
        (*ranks)++;
        if (rank->quota > 0 && (least == 0 || rank->quota < least))
            least = rank->quota;
    }
    return least;
}

struct host_load {
    int ranks, threads, cpus;
    double quota; /* 0: none */
};

/* The load of the host of rank r. The CPU sets of two ranks are equal or disjoint: mpirun
   and SLURM bind in this way. */
static struct host_load placement_host_load(const struct placement *placement, int r)
{
    struct host_load load = {0};
    load.quota = placement_host_quota(placement, r, &load.ranks);
    for (int s = 0; s < placement->count; s++) {
        const struct placement_rank *rank = &placement->rank[s];
        if (!placement_same_host(&placement->rank[r], rank))
            continue;
        bool counted = false;
        for (int t = 0; t < s; t++)
            counted = counted || placement_same_cpus(rank, &placement->rank[t]);
        load.threads += rank->threads;
        load.cpus += counted ? 0 : rank->allowed;
    }
    return load;
}

static int placement_usable(const struct host_load *load)
{
    return cpu_within_quota(load->cpus, load->quota);
}

/* --- finding --- */

/* A number from the environment; 0: none. */
static int placement_env_count(const char *name)
{
    const char *text = getenv(name);
    long long number;
    return text && parse_int(text, 1, INT_MAX, &number) ? (int)number : 0;
}

/* Ranks that share CPUs get equal shares of them. */
static void placement_share_cpus(struct placement *placement)
{
    for (int r = 0; r < placement->count; r++) {
        struct placement_rank *rank = &placement->rank[r];
        int sharing = 0;
        for (int s = 0; s < placement->count; s++)
            sharing += placement_same_cpus(rank, &placement->rank[s]);
        int share = min_int(rank->allowed, rank->granted) / sharing;
        int ranks;
        double quota = placement_host_quota(placement, r, &ranks);
        if (quota > 0)
            share = min_int(share, cpu_within_quota(INT_MAX, quota) / ranks);
        if (rank->threads == 0)
            rank->threads = share > 0 ? share : 1;
    }
}

/* Assumes that all ranks have the same environment. */
static void placement_limit_threads(struct placement *placement)
{
    int limit = team_limit();
    for (int r = 0; r < placement->count; r++) {
        struct placement_rank *rank = &placement->rank[r];
        placement->limited = placement->limited || rank->threads > limit;
        rank->threads = min_int(rank->threads, limit);
    }
}

void placement_find(struct placement *placement, struct comm *comm, int threads)
{
    int online = cpu_online(), granted = placement_env_count("SLURM_CPUS_ON_NODE");
    int per_task = threads ? 0 : placement_env_count("SLURM_CPUS_PER_TASK");
    struct placement_rank mine = {
        .allowed = cpu_allowed(),
        .per_task = per_task,
        .granted = granted ? min_int(granted, online) : online,
        .quota = cpu_quota(),
        .threads = threads ? threads : min_int(per_task, cpu_allowed()),
        .fma = cpu_isa_fuses(cpu_isa()),
        .node_rank = comm_node_rank(comm),
        .node = comm_rank(comm) - comm_node_rank(comm),
    };
    *placement = (struct placement){.count = comm_size(comm), .asked = mine.threads > 0};
    snprintf(mine.host, sizeof mine.host, "%s", comm_host(comm));
    snprintf(mine.quota_file, sizeof mine.quota_file, "%s", cpu_quota_source());
    snprintf(mine.cpus, sizeof mine.cpus, "%s", cpu_allowed_list());
    snprintf(mine.kernels, sizeof mine.kernels, "%s, %s", cpu_isa_name(cpu_isa()),
             cpu_blas());
    placement->rank = mem_zeroed((size_t)placement->count, sizeof mine);
    comm_allgather(comm, &mine, placement->rank, sizeof mine);
    placement_share_cpus(placement);
    placement_limit_threads(placement);
}

void placement_promise_memory(const struct placement *placement, const struct comm *comm)
{
    int threads = placement_threads(placement, comm);
    size_t stacks = (size_t)(threads - 1 + HELPER_THREADS) * thread_stack_bytes();
    mem_promise(cpu_blas_bytes(threads) + stacks);
}

void placement_init(struct placement *placement, struct comm *comm, int threads)
{
    placement_find(placement, comm, threads);
    placement_promise_memory(placement, comm);
    placement_note(placement, comm, &(struct kernel_policy){0});
}

void placement_release(struct placement *placement)
{
    free(placement->rank);
    *placement = (struct placement){0};
}

/* --- of this rank's host --- */

int placement_threads(const struct placement *placement, const struct comm *comm)
{
    return placement->rank[comm_rank(comm)].threads;
}

int placement_node_cpus(const struct placement *placement, const struct comm *comm)
{
    struct host_load load = placement_host_load(placement, comm_rank(comm));
    return placement_usable(&load);
}

int placement_spare_cpus(const struct placement *placement, const struct comm *comm)
{
    struct host_load load = placement_host_load(placement, comm_rank(comm));
    int usable = placement_usable(&load);
    return usable > load.threads ? usable - load.threads : 0;
}

/* --- notes --- */

/* How to start without binding, by what has bound the ranks; NULL: neither mpirun nor
   srun, so the user bound them on purpose. */
static const char *placement_unbind_advice(void)
{
    if (getenv("OMPI_COMM_WORLD_SIZE"))
        return "start with 'mpirun --bind-to none'";
    return getenv("SLURM_STEP_NUM_TASKS") ? "start with 'srun --cpu-bind=none'" : NULL;
}

static void placement_note_bound(const struct placement_rank *rank,
                                 const struct host_load *load)
{
    log_note("%d thread%s of %d rank%s on %s: bound to %d of %d CPUs (%s); %s",
             load->threads, load->threads > 1 ? "s" : "", load->ranks,
             load->ranks > 1 ? "s" : "", rank->host, load->cpus, rank->granted,
             rank->cpus, placement_unbind_advice());
}

static void placement_note_too_many(const struct placement_rank *rank,
                                    const struct host_load *load)
{
    char fewer[64] = "", cpus[256];
    int usable = placement_usable(load), each = usable / load->ranks;
    if (load->threads > load->ranks)
        snprintf(fewer, sizeof fewer, "--threads %d or ", each > 0 ? each : 1);
    snprintf(cpus, sizeof cpus, "%d CPUs of %s", load->cpus, rank->host);
    if (usable < load->cpus)
        snprintf(cpus, sizeof cpus, "%.3g CPU%s that %s grants on %s", load->quota,
                 load->quota == 1 ? "" : "s", rank->quota_file, rank->host);
    log_note("%d threads of %d rank(s) on the %s: slower than fewer; use %s'mpirun -n "
             "%d'",
             load->threads, load->ranks, cpus, fewer, min_int(usable, load->ranks));
}

static void placement_note_load(const struct placement *placement)
{
    for (int r = 0; r < placement->count; r++) {
        const struct placement_rank *rank = &placement->rank[r];
        if (rank->node_rank != 0)
            continue;
        struct host_load load = placement_host_load(placement, r);
        bool lone = !placement->asked && load.ranks == 1 && load.cpus == 1;
        bool bound = placement_unbind_advice() && load.cpus < rank->granted;
        bool few = rank->per_task > rank->allowed;
        if (bound && (load.threads > load.cpus || lone || few))
            placement_note_bound(rank, &load);
        else if (few)
            log_note("SLURM_CPUS_PER_TASK=%d, but a rank on %s may use %d CPU%s (%s) and "
                     "has as many threads",
                     rank->per_task, rank->host, rank->allowed,
                     rank->allowed > 1 ? "s" : "", rank->cpus);
        else if (load.threads > placement_usable(&load))
            placement_note_too_many(rank, &load);
    }
}

static void placement_note_slurm(const struct comm *comm)
{
    int tasks = placement_env_count("SLURM_NTASKS");
    if (tasks > 1 && comm_size(comm) == 1)
        log_note(
            "SLURM_NTASKS is %d but this is one rank, which trains alone; start with "
            "'mpirun', or 'srun --mpi=pmix'",
            tasks);
}

/* They differ with the CPU, or where the environment was not passed on. */
static void placement_note_kernels(const struct placement *placement,
                                   const struct kernel_policy *policy)
{
    const struct placement_rank *first = &placement->rank[0];
    bool portable = policy->bits == POLICY_PORTABLE;
    for (int r = 1; r < placement->count; r++) {
        const struct placement_rank *rank = &placement->rank[r];
        if (strcmp(rank->kernels, first->kernels) == 0 ||
            (portable && rank->fma && first->fma))
            continue;
        log_note("rank %d on %s has kernels %s, rank 0 %s: the bits depend on which rank "
                 "computes what; set LOCKSTEP_ISA and OPENBLAS_CORETYPE alike for all "
                 "('mpirun -x NAME' passes them on)",
                 r, rank->host, rank->kernels, first->kernels);
        return;
    }
}

void placement_note(const struct placement *placement, const struct comm *comm,
                    const struct kernel_policy *policy)
{
    if (placement->limited)
        log_note("OMP_THREAD_LIMIT=%d: no rank has more threads; unset it", team_limit());
    placement_note_load(placement);
    placement_note_kernels(placement, policy);
    placement_note_slurm(comm);
    const char *advice = prepare_threads_advice(placement_threads(placement, comm));
    if (advice)
        log_note("%s", advice);
}

/* --- the threads asked for --- */

static enum status placement_check_host_threads(long long threads)
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

enum status placement_check_threads(struct comm *comm, long long threads)
{
    struct agree agree;
    agree_begin(&agree);
    return agree_end(&agree, comm, placement_check_host_threads(threads));
}

/* --- the header --- */

/* Consecutive ranks with the same host and threads share a line. */
void placement_print(const struct placement *placement)
{
    for (int r = 0; r < placement->count;) {
        const struct placement_rank *first = &placement->rank[r];
        int last = r;
        while (last + 1 < placement->count &&
               placement_same_host(first, &placement->rank[last + 1]) &&
               first->threads == placement->rank[last + 1].threads)
            last++;
        log_out("%-10s %d rank%s x %d thread%s on %s, CPUs %s", r ? "" : "parallel",
                last - r + 1, last > r ? "s" : "", first->threads,
                first->threads > 1 ? "s" : "", first->host, first->cpus);
        for (int s = r + 1; s <= last; s++)
            if (!placement_same_cpus(&placement->rank[s], &placement->rank[s - 1]))
                log_out(" | %s", placement->rank[s].cpus);
        if (first->quota > 0 && first->quota < first->granted)
            log_out(", quota of %.3g CPU%s", first->quota, first->quota == 1 ? "" : "s");
        log_out("\n");
        r = last + 1;
    }
}
