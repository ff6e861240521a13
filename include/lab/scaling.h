/*
 * scaling: predicts how long a training step takes on ranks and nodes that are not there,
 * from measurements on those that are. Pure: no clock, no messages.
 *
 * A step is the computing of a rank's share of the grains (lab/workload.h), the sum over
 * ranks, and the update, which every rank does whole. The sum's pieces are sent while the
 * last grain's backward finishes them (train/overlap.h): thread 0 starts them and moves
 * them on between layers; messages queue at a node's link; adding and copying take time
 * of thread 0. What each piece sends comes from comm (comm/world.h), for the algorithm
 * that comm would choose there. A step waits for the rank with the most grains, which is
 * the first.
 */
#ifndef LOCKSTEP_LAB_SCALING_H
#define LOCKSTEP_LAB_SCALING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"
#include "base/status.h"
#include "io/target.h"
#include "lab/exchange.h"
#include "lab/fabric.h"
#include "lab/workload.h"

#define SCALING_POINTS 256
#define SCALING_SUMS   64
#define SCALING_RANKS  4096 /* powers of two up to this are predicted */
#define SCALING_MOST   (1 << 16)
#define SCALING_CPU    128

/* Backward of a grain, and when it finishes the pieces of the gradient. */
struct scaling_backward {
    int polls;                  /* layers with parameters, in the order of backward */
    double share[MODEL_LAYERS]; /* (polls) of backward's time, up to the layer's end */
    int pieces;
    size_t floats[EXCHANGE_PIECES];
    int ready[EXCHANGE_PIECES]; /* the poll at which the piece is final */
};

/* Seconds. */
struct scaling_costs {
    double latency; /* of a message that other ranks wait for */
    double message; /* of the link, for each message */
    double link;    /* of the link, for each float */
    double copy;    /* of the CPU, for each float that is sent, received and added */
    double meeting; /* of ranks of a node that wait for each other */
    double touched; /* for each float that they add or copy in shared memory */
};

/* A measured sum: that of the first `ranks` ranks. */
struct scaling_sum {
    int ranks;
    struct exchange_sum sum;
};

struct scaling {
    /* --- the run --- */
    int batch, grain;
    size_t images, params;
    char cpu[SCALING_CPU]; /* model, kernels, BLAS, in words */
    int threads, lanes;    /* of a rank */
    bool teams;
    bool overlap;
    int align;
    int per_node, cpus; /* ranks of a node, and its CPUs */
    struct scaling_backward backward;
    /* --- measured --- */
    int measured; /* ranks */
    int points, sums;
    struct workload_point point[SCALING_POINTS];
    struct scaling_sum sum[SCALING_SUMS];
    struct fabric network; /* between nodes, unless known is false */
    struct scaling_costs costs;
    double memory_bandwidth; /* bytes per second, all CPUs */
    double load;             /* average before the measurements, of the busiest node */
};

struct scaling_row {
    int ranks, nodes;
    int grains, most; /* of the batch; of the first rank */
    long long batch;
    double step, step_no_overlap; /* seconds, as are the next six */
    double compute, update;
    double reduce, exposed; /* sums alone; the part not hidden by backward */
    double latency, link;   /* of reduce: the time saved if either were 0 */
    double images_per_second, efficiency, epoch; /* epoch: seconds */
};

/* The batch in weak scaling: as many images per rank as the config's batch has. */
long long scaling_weak_batch(const struct scaling *scaling, int ranks);

/* How many ranks compute at the same time when the computing of `ranks` ranks is
   measured: `ranks`, or as many as there are. */
int scaling_concurrent(const struct scaling *scaling, int ranks);

/* Adds the points to be measured for such a step, unless they are there already. */
void scaling_need(struct scaling *scaling, int ranks, long long batch);

/* The number of ranks up to which the network is known or not needed. */
int scaling_covered(const struct scaling *scaling);

/* Can the sum over `ranks` ranks be measured here as it would be? The nodes must be
   filled alike and the network must not be a given one. */
bool scaling_sums_count(const struct scaling *scaling, int ranks, int node_ranks);

/* The efficiency is relative to `ranks` times the speed of one rank on the config's
   batch. Steps that were not measured are interpolated. */
void scaling_predict(const struct scaling *scaling, int ranks, long long batch,
                     struct scaling_row *row);

/* The smallest batch of equal shares of whole grains with which `ranks` ranks reach an
   efficiency; 0: none with up to SCALING_SHARE grains per rank. */
#define SCALING_SHARE 4096
long long scaling_batch_for(const struct scaling *scaling, int ranks, double efficiency);

/* --- the file (its layout is in scaling_file.c) --- */

#define SCALING_FORMAT "lockstep plan 1"

extern const struct target_kind scaling_target;
enum status scaling_write(const struct scaling *scaling, const char *path,
                          const char *version, const struct scaling_row *strong,
                          const struct scaling_row *weak, int count) MUST_CHECK;

/* The predictions in a file; figures of a row that it does not hold are 0. */
struct scaling_record {
    char *lockstep; /* owned: the version that wrote it */
    int count;
    struct scaling_row *strong, *weak; /* owned: (count) */
};
/* Of `scaling` it fills in only the description of the run, the network and the
   machine. */
enum status scaling_read(const char *path, struct scaling *scaling,
                         struct scaling_record *record) MUST_CHECK;
void scaling_record_release(struct scaling_record *record);

#endif
