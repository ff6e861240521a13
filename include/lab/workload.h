/*
 * workload: what a rank's share of a training step takes, without the sum over ranks,
 * while the ranks beside it compute as well: shared caches, memory, CPUs are in it.
 *
 * Each rank trains alone on a batch as large as its share, step by step with the others;
 * a step is as slow as its slowest rank.
 */
#ifndef LOCKSTEP_LAB_WORKLOAD_H
#define LOCKSTEP_LAB_WORKLOAD_H

#include <stdbool.h>

#include "base/status.h"

struct comm;

/* Seconds: the mean step, which all ranks begin together and which is over when the last
   has done it; the best of several visits. */
struct workload_point {
    int ranks;       /* that compute at the same time */
    int samples;     /* of each */
    double seconds;  /* of a step, without the sum over ranks */
    double high;     /* of the slowest visit */
    double backward; /* of this in backward, all its grains */
    double update;   /* and in the update */
};

/* Seconds of one step on this rank; beside: spent in the call, but no part of it. */
struct workload_step {
    double seconds, backward, update, beside;
};

struct workload_job {
    struct comm *comm;
    int per_node;      /* ranks of a node that take part, at most */
    int threads, cpus; /* of a rank, of its node */
    void *context;
    /* A run on `samples` samples a step, for this rank alone, while those of `beside` do
       the same; or (workers > 1) for as many such ranks, played by threads of this one.
     */
    enum status (*begin)(void *context, struct comm *alone, struct comm *beside,
                         int workers, int samples);
    enum status (*step)(void *context, struct workload_step *step);
    void (*end)(void *context);
};

/* Collective. ranks and samples of each point are given. With one rank in the job, points
   of several ranks are played by its threads. */
enum status workload_measure(const struct workload_job *job,
                             struct workload_point *points, int count) MUST_CHECK;

#endif
