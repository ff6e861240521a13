#include "app/run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "kernels/cpu.h"

#define THREADS_PER_CPU 32 /* more only fill the memory with workspaces */

static bool same_host(const struct run_rank *a, const struct run_rank *b)
{
    return strcmp(a->host, b->host) == 0;
}

static bool same_cpus(const struct run_rank *a, const struct run_rank *b)
{
    return same_host(a, b) && strcmp(a->cpus, b->cpus) == 0;
}

static void fair_threads(struct run_ranks *ranks)
{
    for (int r = 0; r < ranks->count; r++) {
        int sharing = 0;
        for (int s = 0; s < ranks->count; s++)
            sharing += same_cpus(&ranks->rank[r], &ranks->rank[s]);
        int share = ranks->rank[r].allowed / sharing;
        if (ranks->rank[r].threads == 0)
            ranks->rank[r].threads = share > 0 ? share : 1;
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

static void note_load(const struct run_ranks *ranks)
{
    for (int r = 0; r < ranks->count; r++) {
        const struct run_rank *rank = &ranks->rank[r];
        int threads, cpus, count;
        if (rank->node_rank != 0)
            continue;
        host_load(ranks, r, &threads, &cpus, &count);
        if (threads <= cpus)
            continue;
        if (count == 1 && rank->allowed < cpu_online())
            log_note(
                "rank %d on %s has %d threads but is bound to CPUs %s; start it with "
                "'mpirun --bind-to none'",
                r, rank->host, threads, rank->cpus);
        else
            log_note(
                "%d threads of %d rank(s) on the %d CPUs of %s: slower than fewer; use "
                "--threads %d or 'mpirun -n %d'",
                threads, count, cpus, rank->host, cpus / count > 0 ? cpus / count : 1,
                cpus < count ? cpus : count);
    }
}

static void note_slurm(const struct comm *comm)
{
    const char *tasks = getenv("SLURM_NTASKS");
    if (tasks && atoi(tasks) > 1 && comm_size(comm) == 1)
        log_note("SLURM started %s tasks but MPI sees one rank: each task would train "
                 "alone; start with 'mpirun', or 'srun --mpi=pmix'",
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

void run_ranks_init(struct run_ranks *ranks, struct comm *comm, int threads)
{
    struct run_rank mine = {.allowed = cpu_allowed(), .threads = threads};
    snprintf(mine.host, sizeof mine.host, "%s", comm_host(comm));
    snprintf(mine.cpus, sizeof mine.cpus, "%s", cpu_allowed_list());
    snprintf(mine.kernels, sizeof mine.kernels, "%s, %s", cpu_isa_name(cpu_isa()),
             cpu_blas());
    mine.node_rank = comm_node_rank(comm);
    ranks->count = comm_size(comm);
    ranks->rank = mem_zeroed((size_t)ranks->count, sizeof mine);
    comm_allgather(comm, &mine, ranks->rank, sizeof mine);
    fair_threads(ranks);
    note_load(ranks);
    note_kernels(ranks);
    note_slurm(comm);
}

void run_ranks_release(struct run_ranks *ranks)
{
    free(ranks->rank);
    *ranks = (struct run_ranks){0};
}

enum status run_check_threads(long long threads)
{
    long long most = THREADS_PER_CPU * (long long)cpu_online();
    if (threads > most)
        FAIL(ST_USAGE, "%lld threads per rank: at most %lld make sense on %d CPUs",
             threads, most, cpu_online());
    return ST_OK;
}

int run_threads(const struct run_ranks *ranks, const struct comm *comm)
{
    return ranks->rank[comm_rank(comm)].threads;
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
