#include <stdio.h>

#include "comm/comm.h"
#include "lab/tune.h"

void tune_rule(const struct parallel_options *options, int threads,
               struct parallel_plan *plan)
{
    int intra = options->intra;
    plan_init(plan, threads);
    if (intra == INTRA_BATCH)
        plan->teams = false;
    if (intra == INTRA_CHANNEL)
        plan->lanes = 1;
    if (intra == INTRA_HYBRID)
        plan->lanes = (threads + 1) / 2;
    snprintf(plan->reduce, sizeof plan->reduce, "%s", comm_tree_names[options->reduce]);
}
