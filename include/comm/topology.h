/*
 * topology: the ranks and their nodes, as far as a sum over ranks depends on them. Pure
 * data: it may as well describe a world that does not exist (comm/world.h).
 *
 * Ranks are numbered node by node. Each owns a contiguous range of a batch's grains, its
 * share.
 */
#ifndef LOCKSTEP_COMM_TOPOLOGY_H
#define LOCKSTEP_COMM_TOPOLOGY_H

#include <stdbool.h>

/* Messages from one node to another. 0: not known, or there is only one node. */
struct comm_link {
    double latency;   /* seconds, one way */
    double bandwidth; /* bytes per second of what is sent, each way */
};

struct topology {
    int ranks, nodes;
    int *node_first;                 /* owned: (nodes + 1): first ranks, then `ranks` */
    int largest_node, smallest_node; /* ranks */
    int share_align;                 /* grains: borders of shares are multiples of this */
    bool no_shared_memory;           /* a node has no room for it */
    struct comm_link link;
};

/* node_first as above, copied. Shares are aligned to 1 grain, the link is not known. */
void topology_init(struct topology *topology, int nodes, const int *node_first);
/* Every node but the last one has `per_node` ranks; nodes_of: how many nodes these
   are. */
int topology_nodes_of(int ranks, int per_node);
void topology_init_even(struct topology *topology, int ranks, int per_node);
void topology_release(struct topology *topology);

/* Is `rank` on node `node`? */
bool topology_on_node(const struct topology *topology, int node, int rank);

/* Rank `rank` owns grains [*begin, *end) of n: the first rank the most, the last one the
   fewest. Empty ranges are [x, x). */
void topology_share(const struct topology *topology, int n, int rank, int *begin,
                    int *end);

/* Among whom vectors are exchanged. */
enum topology_scope {
    SCOPE_RANKS, /* all ranks */
    SCOPE_NODES, /* one rank of each node, for all grains of the node */
};

/* Member i's grains of n begin at topology_member_grain(.., i) and end at that of i + 1;
   i may be one past the last member. */
int topology_members(const struct topology *topology, enum topology_scope scope);
int topology_member_grain(const struct topology *topology, enum topology_scope scope,
                          int n, int member);
/* Nodes of the tree that cover the grains of members [first, last). */
int topology_member_terms(const struct topology *topology, enum topology_scope scope,
                          int n, int first, int last);

#endif
