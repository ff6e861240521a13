/*
 * results: all that `lockstep lab` measures, the claims that it examines, and its file.
 */
#ifndef LOCKSTEP_LAB_RESULTS_H
#define LOCKSTEP_LAB_RESULTS_H

#include "lab/measure.h"
#include "lab/microbench.h"

#define RESULTS_FORMAT "lockstep lab 1"
#define RESULTS_WAYS   8
#define RESULTS_GAINS  4
#define RESULTS_CLAIMS 6

/* A sentence of the first table, from a machine of 8 cores, and what is found here. */
struct claim {
    const char *claim;
    char here[128];
    char holds[48];
};

struct results {
    struct machine machine;
    struct measure_table table;
    int threads; /* with which the following was measured */
    struct microbench_layouts layouts;
    int walks, ways;
    struct microbench_walk walk[MACHINE_LEVELS];
    struct microbench_ways way[RESULTS_WAYS];
    struct microbench_pays pays[OPS];
    struct microbench_times gelu, pool; /* of RESULTS_SMALL elements */
    double relu_gain[RESULTS_GAINS], gelu_gain[RESULTS_GAINS]; /* at results_sizes */
    struct claim claim[RESULTS_CLAIMS];
};

#define RESULTS_SMALL 2048
extern const int results_sizes[RESULTS_GAINS]; /* elements */

/* What stands beside the table: machine and table are there already. */
void results_measure_beside(struct results *results, const struct model *model);

/* Fills in claim[]. */
void results_examine(struct results *results);

/* Can `path` be written: is it new, or of this format? ST_USAGE otherwise. */
enum status results_check(const char *path) MUST_CHECK;

/* The layout is in the source. */
enum status results_write(const struct results *results, const char *path,
                          const char *version) MUST_CHECK;

#endif
