/*
 * scaling: what a training step will take on ranks and nodes that are not there, from
 * what was measured on those that are. Pure: no clock, no messages.
 *
 * A step is computing (a rank's share of the grains, workload.h), the sum over ranks, and
 * the update, which every rank does whole. The sum's pieces go out while the last grain's
 * backward finishes them (train/overlap.h): thread 0 starts and moves them on between
 * layers; messages queue at a node's link; adding and copying take thread 0's time. What
 * each piece sends comes from comm (comm/world.h), so it is the algorithm that comm would
 * take there. A step waits for the rank with the most grains, the first one.
 */
#ifndef LOCKSTEP_LAB_SCALING_H
#define LOCKSTEP_LAB_SCALING_H

#include <stdbool.h>
#include <stddef.h>

#include "base/limits.h"
#include "base/status.h"
#include "lab/exchange.h"
#include "lab/fabric.h"
#include "lab/workload.h"

#define SCALING_POINTS 256
#define SCALING_SUMS   64
#define SCALING_POLLS  MODEL_LAYERS
#define SCALING_RANKS  4096 /* up to where powers of two are predicted */
#define SCALING_MOST   (1 << 16)
#define SCALING_CPU    128

/* Backward of a grain, and the pieces that come of it. */
struct scaling_backward {
    int polls;                   /* layers with parameters, in the order of backward */
    double share[SCALING_POLLS]; /* of the backward that is over then; the last is 1 */
    int pieces;
    size_t floats[EXCHANGE_PIECES];
    int ready[EXCHANGE_PIECES]; /* the poll at which the piece is final */
};

/* Seconds. */
struct scaling_costs {
    double latency; /* of a message that others wait for */
    double message; /* besides, of the link, for each message */
    double link;    /* for each float on the link */
    double copy;    /* of the CPU, for each float that is sent, received and added */
    double meeting; /* ranks of a node that wait for each other */
    double touched; /* for each float that they add or copy there */
};

/* A world whose sums were measured. */
struct scaling_sum {
    int ranks;
    struct exchange_sum sum;
};

struct scaling {
    /* --- of the run --- */
    int batch, grain;
    size_t images, params;
    char cpu[SCALING_CPU]; /* and its kernels, in words */
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
    double step, step_no_overlap;            /* seconds, also below */
    double compute, reduce, update, exposed; /* reduce: sums alone; exposed: waited for */
    double latency, link; /* of reduce: what either being 0 would save */
    double images_per_second, efficiency, epoch;
};

/* The batch that gives each of so many ranks what one has of the config's. */
long long scaling_weak_batch(const struct scaling *scaling, int ranks);

/* How many of the ranks measured compute beside each other as `ranks` would. */
int scaling_beside(const struct scaling *scaling, int ranks);

/* Adds points to be measured for such a step, unless there are. */
void scaling_need(struct scaling *scaling, int ranks, long long batch);

/* All ranks up to this are covered by what was measured or given. */
int scaling_covered(const struct scaling *scaling);

/* The sums of so many ranks are measured as they would be: the nodes are filled alike,
   and the network is not given. */
bool scaling_sums_count(const struct scaling *scaling, int ranks, int node_ranks);

/* efficiency is against `ranks` times the speed of one rank on the config's batch. Steps
   that were not needed are interpolated. */
void scaling_predict(const struct scaling *scaling, int ranks, long long batch,
                     struct scaling_row *row);

/* The smallest batch of equal shares of whole grains with which so many ranks reach an
   efficiency; 0: none of up to SCALING_SHARE grains a rank. */
#define SCALING_SHARE 4096
long long scaling_batch_for(const struct scaling *scaling, int ranks, double efficiency);

/* --- the file (its layout is in scaling_file.c) --- */

#define SCALING_FORMAT "lockstep plan 1"

/* Can `path` be written: is it new, or of this format? ST_USAGE otherwise. */
enum status scaling_check_file(const char *path) MUST_CHECK;
enum status scaling_write(const struct scaling *scaling, const char *path,
                          const char *version, const struct scaling_row *strong,
                          const struct scaling_row *weak, int count) MUST_CHECK;

/* The predictions in a file; what it does not hold of a row is 0. */
struct scaling_record {
    char *lockstep; /* the version that wrote it */
    int count;
    struct scaling_row *strong, *weak;
};
/* Of `scaling` only what describes the run, the network and the machine. */
enum status scaling_read(const char *path, struct scaling *scaling,
                         struct scaling_record *record) MUST_CHECK;
void scaling_record_release(struct scaling_record *record);

#endif
