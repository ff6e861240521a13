/*
 * world: what a sum over the fixed tree costs in a world of ranks that need not exist:
 * messages, floats and meetings, counted as the algorithms send and add them. The caller
 * knows the network and turns them into time. Pure: no MPI.
 */
#ifndef LOCKSTEP_COMM_WORLD_H
#define LOCKSTEP_COMM_WORLD_H

#include <stddef.h>

#include "comm/topology.h"

struct comm_work {
    const char *name; /* the algorithm */
    double rounds;    /* of messages; each waits for the one before */
    double sent;      /* messages of the rank that sends most, all rounds together */
    double messages;  /* through the link of one node: the most of any, for each round */
    double floats;    /* in these messages; at most as many come in at the same time */
    double meetings;  /* of the ranks of a node, in shared memory */
    double touched;   /* floats that each rank adds or copies in shared memory */
};

/* The cost of a piece of `count` floats of the sum over n grains, by the algorithm that
   comm would choose in this world (comm_tree_choice). All zero with one rank. */
struct comm_work comm_work_of(const struct topology *world, int n, size_t count);

#endif
