/*
 * results: everything that `lockstep lab` measures, and its file.
 */
#ifndef LOCKSTEP_LAB_RESULTS_H
#define LOCKSTEP_LAB_RESULTS_H

#include "io/target.h"
#include "lab/claims.h"
#include "lab/microbench.h"
#include "lab/strategy_table.h"

#define RESULTS_FORMAT "lockstep lab 1"
#define RESULTS_CONVS  8
#define RESULTS_GAINS  4

struct results {
    struct machine machine;
    struct strategy_table table;
    int threads; /* number of threads of the microbenchmarks */
    struct microbench_layouts layouts;
    int walks, convs;
    struct microbench_walk walk[MACHINE_LEVELS];
    struct microbench_conv conv[RESULTS_CONVS];
    struct microbench_breakeven breakeven[OPS];
    struct microbench_times gelu, pool; /* of RESULTS_SMALL elements */
    double relu_gain[RESULTS_GAINS], gelu_gain[RESULTS_GAINS]; /* at results_sizes */
    struct claim claim[RESULTS_CLAIMS];
};

#define RESULTS_SMALL 2048
extern const int results_sizes[RESULTS_GAINS]; /* elements */

/* Runs the microbenchmarks; machine and table are filled in already, the claims
   (claims_results) come afterwards. */
void results_microbench(struct results *results, const struct model *model);

extern const struct target_kind results_target;

/* The layout is described in results_file.c. */
enum status results_write(const struct results *results, const char *path,
                          const char *version) MUST_CHECK;

#endif
