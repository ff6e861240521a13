/* tree_cost: the algorithms that sum over ranks, and what each costs in a topology. Pure:
 * no MPI, the same result on all ranks. How they work: tree_levels.c, tree_slices.c,
 * tree_pairs.c.
 */
#ifndef LOCKSTEP_COMM_TREE_COST_H
#define LOCKSTEP_COMM_TREE_COST_H

#include <stdbool.h>
#include <stddef.h>

#include "comm/topology.h"
#include "comm/world.h"

/* In the order of comm_tree_names. */
enum tree_algorithm {
    TREE_AUTO, /* none: the fastest is to be found */
    TREE_SHARED,
    TREE_LEVELS,
    TREE_LEVELS_HALVING,
    TREE_LEVELS_DOUBLING,
    TREE_SLICES,
    TREE_HALVING,
    TREE_DOUBLING,
    TREE_ALGORITHMS
};

enum tree_exchange_kind {
    EXCHANGE_NONE, /* no messages */
    EXCHANGE_SLICES,
    EXCHANGE_HALVING,
    EXCHANGE_DOUBLING,
    EXCHANGE_KINDS
};

/* What an algorithm consists of: the ranks of a node add in shared memory, vectors are
   exchanged by messages between nodes or among all ranks, or both. */
struct tree_spec {
    bool shared_memory;
    enum tree_exchange_kind exchange;
};
extern const struct tree_spec tree_specs[TREE_ALGORITHMS];

/* What a piece of `count` floats of the sum over n grains costs; false: the algorithm
   does not apply. */
bool tree_cost(enum tree_algorithm algorithm, const struct topology *topology, int n,
               size_t count, struct comm_work *work);

/* Estimated time, for comparing algorithms; INFINITY: it does not apply. */
double tree_seconds(enum tree_algorithm algorithm, const struct topology *topology, int n,
                    size_t count);

/* By tree_seconds; two ranks at least. */
enum tree_algorithm tree_fastest(const struct topology *topology, int n, size_t count);

#endif
