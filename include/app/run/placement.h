/*
 * run: what a run is started on: the processes and their threads.
 */
#ifndef LOCKSTEP_APP_RUN_PLACEMENT_H
#define LOCKSTEP_APP_RUN_PLACEMENT_H

#include <stdbool.h>

#include "base/status.h"

struct comm;

/* One rank, as the others need to know it. Plain data. */
struct run_rank {
    char host[64];
    char cpus[192];    /* that it may run on, "0-3,8" */
    char kernels[160]; /* "v4, OpenBLAS 0.3.21 SkylakeX": they decide the last bits */
    int allowed;       /* how many they are */
    int granted;       /* CPUs of the node that SLURM gave, or all */
    int threads;
    int node_rank;
};

struct run_ranks {
    int count;
    struct run_rank *rank; /* owned: (count) */
    bool asked, limited;   /* threads: by this rank's user; by OMP_THREAD_LIMIT */
};

/* Collective. threads: asked for; 0: SLURM's CPUs per task, or the allowed CPUs, shared
   among the ranks of the node that may run on the same ones. Notes, by rank 0, of what
   silently kills performance: more threads than CPUs, ranks bound to fewer CPUs than they
   want, a SLURM job of several tasks that is one rank, thread counts in the environment
   that are not kept; and of ranks that compute by other kernels, for then the bits depend
   on who does what. */
void run_ranks_init(struct run_ranks *ranks, struct comm *comm, int threads);
/* Its halves: collective, without a word; and the notes. */
void run_ranks_find(struct run_ranks *ranks, struct comm *comm, int threads);
void run_ranks_note(const struct run_ranks *ranks, const struct comm *comm);
void run_ranks_release(struct run_ranks *ranks);

/* Collective: agrees on what all ranks do alike, but one may fail in alone, on a host
   with less memory or other limits. `why` is what status_capture got; the first rank that
   failed says it. */
enum status run_agree(struct comm *comm, enum status st, const char *why) MUST_CHECK;

/* What --threads may ask for, on every host. Collective. */
enum status run_check_threads(struct comm *comm, long long threads) MUST_CHECK;

/* --stall-timeout of the commands that run on several ranks: its default, and what it
   asks for. Collective: from here to comm_finish no rank waits for ever (comm/watch.h);
   0: they do. Also setting up is watched: who reads a large data set makes moves. */
#define RUN_STALL_TIMEOUT 600 /* seconds */
#define RUN_STALL_HELP    "end the job when no rank has moved for so long (600; 0: never)"
enum status run_watch(struct comm *comm, long long timeout) MUST_CHECK;

/* This rank's threads. */
int run_threads(const struct run_ranks *ranks, const struct comm *comm);

/* CPUs that the ranks of this rank's host may run on. */
int run_node_cpus(const struct run_ranks *ranks, const struct comm *comm);

/* CPUs of this rank's host that none of its ranks' threads has; 0 at least. */
int run_spare_cpus(const struct run_ranks *ranks, const struct comm *comm);

/* "2 ranks x 1 thread on node1 (CPUs 0 | 1), ..." for the header, printed with log_out.
 */
void run_ranks_print(const struct run_ranks *ranks);

#endif
