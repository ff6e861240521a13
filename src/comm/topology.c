#include "comm/topology.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/div.h"
#include "base/mem.h"
#include "comm/tree.h"

/* From node_first and nodes. */
static void topology_complete(struct topology *topology)
{
    const int *first = topology->node_first;
    topology->ranks = first[topology->nodes];
    topology->largest_node = 0;
    topology->smallest_node = topology->ranks;
    for (int i = 0; i < topology->nodes; i++) {
        int ranks = first[i + 1] - first[i];
        if (ranks > topology->largest_node)
            topology->largest_node = ranks;
        if (ranks < topology->smallest_node)
            topology->smallest_node = ranks;
    }
}

static void topology_make(struct topology *topology, int nodes)
{
    *topology = (struct topology){.nodes = nodes, .share_align = 1};
    topology->node_first = mem_zeroed((size_t)nodes + 1, sizeof *topology->node_first);
}

void topology_init(struct topology *topology, int nodes, const int *node_first)
{
    topology_make(topology, nodes);
    memcpy(topology->node_first, node_first,
           ((size_t)nodes + 1) * sizeof *topology->node_first);
    topology_complete(topology);
}

int topology_nodes_of(int ranks, int per_node)
{
    return div_up(ranks, per_node);
}

void topology_init_even(struct topology *topology, int ranks, int per_node)
{
    topology_make(topology, topology_nodes_of(ranks, per_node));
    for (int i = 0; i < topology->nodes; i++)
        topology->node_first[i] = i * per_node;
    topology->node_first[topology->nodes] = ranks;
    topology_complete(topology);
}

void topology_release(struct topology *topology)
{
    free(topology->node_first);
    *topology = (struct topology){0};
}

bool topology_on_node(const struct topology *topology, int node, int rank)
{
    return rank >= topology->node_first[node] && rank < topology->node_first[node + 1];
}

/* The border of a share, in grains of n: the last block of `align` grains may be
   short. */
static int topology_border(int block, int align, int n)
{
    int64_t grain = (int64_t)block * align;
    return grain < n ? (int)grain : n;
}

void topology_share(const struct topology *topology, int n, int rank, int *begin,
                    int *end)
{
    int align = topology->share_align;
    tree_share(div_up(n, align), topology->ranks, rank, begin, end);
    *begin = topology_border(*begin, align, n);
    *end = topology_border(*end, align, n);
}

int topology_members(const struct topology *topology, enum topology_scope scope)
{
    return scope == SCOPE_NODES ? topology->nodes : topology->ranks;
}

int topology_member_grain(const struct topology *topology, enum topology_scope scope,
                          int n, int member)
{
    int begin, end;
    if (member == topology_members(topology, scope))
        return n;
    topology_share(topology, n,
                   scope == SCOPE_NODES ? topology->node_first[member] : member, &begin,
                   &end);
    return begin;
}

int topology_member_terms(const struct topology *topology, enum topology_scope scope,
                          int n, int first, int last)
{
    return tree_cover_count(n, topology_member_grain(topology, scope, n, first),
                            topology_member_grain(topology, scope, n, last));
}
