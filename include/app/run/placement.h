/*
 * placement: which hosts and CPUs the ranks of a run have, and how many threads each.
 */
#ifndef LOCKSTEP_APP_RUN_PLACEMENT_H
#define LOCKSTEP_APP_RUN_PLACEMENT_H

#include <stdbool.h>

#include "base/status.h"
#include "kernels/policy.h"

struct comm;

/* One rank, as the others need to know it. Plain data. */
struct placement_rank {
    char host[64];
    char cpus[192];       /* the CPUs that it may run on, "0-3,8" */
    char quota_file[160]; /* where the quota stands */
    bool fma;             /* gives portable bits (kernels/policy.h) */
    char kernels[160];    /* "v4, OpenBLAS 0.3.21 SkylakeX": they decide the last bits */
    int allowed;          /* number of those CPUs */
    double quota;         /* CPUs whose time its control group grants; 0: no quota */
    int granted;          /* CPUs of the node that SLURM granted, or all */
    int per_task;         /* SLURM_CPUS_PER_TASK where that counts; 0: it does not */
    int threads;
    int node_rank;
    int node; /* the first rank of its node: hosts may have the same name */
};

struct placement {
    int count;
    struct placement_rank *rank; /* owned: (count) */
    bool asked;                  /* the user or SLURM set the threads of this rank */
    bool limited;                /* OMP_THREAD_LIMIT lowered the threads of some rank */
};

/* Collective: placement_find, placement_promise_memory and placement_note. */
void placement_init(struct placement *placement, struct comm *comm, int threads);

/* Collective; prints nothing. threads: the number asked for; 0: SLURM's CPUs per task,
   as far as they are allowed, or the allowed CPUs divided among the ranks of the node
   that may run on the same ones, within the quota of the control group, which all ranks
   of the node share. */
void placement_find(struct placement *placement, struct comm *comm, int threads);
void placement_release(struct placement *placement);

/* Takes what BLAS and the stacks of this rank's threads will need off the memory that
   mem_limit reports. */
void placement_promise_memory(const struct placement *placement, const struct comm *comm);

/* Notes, by rank 0, on what makes a run slow without an error: more threads than CPUs,
   ranks bound to fewer CPUs than they have threads, a SLURM job of several tasks that is
   one rank, thread counts in the environment that are not used; and on ranks with
   different kernels, because the bits then depend on which rank computes what. */
void placement_note(const struct placement *placement, const struct comm *comm,
                    const struct kernel_policy *policy);

/* Collective. ST_USAGE if `threads` per rank are too many for one of the hosts. */
enum status placement_check_threads(struct comm *comm, long long threads) MUST_CHECK;

/* This rank's threads. */
int placement_threads(const struct placement *placement, const struct comm *comm);

/* CPUs that the ranks of this rank's host may run on, within their quota. */
int placement_node_cpus(const struct placement *placement, const struct comm *comm);

/* CPUs of this rank's host beyond the threads of its ranks; at least 0. */
int placement_spare_cpus(const struct placement *placement, const struct comm *comm);

/* "2 ranks x 1 thread on node1 (CPUs 0 | 1), ..." for the header, with log_out. */
void placement_print(const struct placement *placement);

#endif
