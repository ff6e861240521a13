/* scaling_impl: shared by the sources of scaling. */
#ifndef LOCKSTEP_LAB_SCALING_IMPL_H
#define LOCKSTEP_LAB_SCALING_IMPL_H

#include "comm/topology.h"
#include "lab/scaling.h"

/* The ranks and nodes of a predicted step. Release with topology_release. */
struct topology scaling_world(const struct scaling *scaling, int ranks);

/* The sums of a step, in seconds. */
struct scaling_sums {
    double alone;         /* all pieces, started together, with nothing else to do */
    double exposed;       /* overlapped: from the end of backward to the last piece */
    double latency, link; /* of alone: the time saved if either were 0 */
};

/* For `ranks` ranks; backward: seconds of the last grain's. */
struct scaling_sums scaling_sum_up(const struct scaling *scaling, int ranks, int grains,
                                   double backward);

#endif
