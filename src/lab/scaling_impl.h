/* scaling_impl: what the sources of scaling share. */
#ifndef LOCKSTEP_LAB_SCALING_IMPL_H
#define LOCKSTEP_LAB_SCALING_IMPL_H

#include "comm/world.h"
#include "lab/scaling.h"

struct comm_world scaling_world(const struct scaling *scaling, int ranks);

/* The sums of a step in a world of so many ranks. Seconds. */
struct scaling_sums {
    double alone;         /* of all pieces, begun together */
    double exposed;       /* from the end of computing to the last piece, overlapped */
    double latency, link; /* of alone: what either being 0 would save */
};

/* backward: of the last grain. */
struct scaling_sums scaling_sum_up(const struct scaling *scaling, int ranks, int grains,
                                   double backward);

#endif
