/*
 * workload: how long a rank's share of a training step takes, without the sum over ranks,
 * while the other ranks of its node compute as well. Shared caches, memory and CPUs are
 * therefore included.
 *
 * Each rank trains alone, on a batch as large as its share, step by step with the others.
 * A step is as slow as its slowest rank.
 */
#ifndef LOCKSTEP_LAB_WORKLOAD_H
#define LOCKSTEP_LAB_WORKLOAD_H

#include "base/status.h"
#include "data/dataset.h"
#include "nn/model.h"
#include "train/options.h"

struct comm;

/* Times in seconds, of the mean step of a visit: all ranks begin it together, and it ends
   when the last one is done. The fastest of several visits counts. */
struct workload_point {
    int ranks;       /* that compute at the same time; given */
    int samples;     /* of each rank; given */
    double seconds;  /* of a step, without the sum over ranks */
    double high;     /* of the slowest visit */
    double backward; /* of `seconds`, in backward, all grains of a rank */
    double update;   /* of `seconds`, in the update */
};

/* Everything is borrowed. */
struct workload_setup {
    struct comm *comm;
    struct dataset *dataset;
    const struct model *model;
    const struct model_spec *spec; /* of the model */
    const struct run_options *options;
    int per_node; /* ranks of a node that take part, at most */
    int threads;  /* of a rank */
    int cpus;     /* of a node */
};

/* The grain with which threads that stand for several ranks cut the ranks' samples as
   each rank would cut its `samples`: into as many grains of the same sizes, or where
   these sizes differ into slightly fewer, none of them larger. Pure. */
int workload_stand_in_grain(int samples, int grain);

/* Collective. With a single rank in comm, points of several ranks are measured as one
   trainer whose threads stand for these ranks. */
enum status workload_measure(const struct workload_setup *setup,
                             struct workload_point *points, int count) MUST_CHECK;

#endif
