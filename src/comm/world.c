#include "comm/world.h"

#include "comm/comm.h"
#include "comm/topology.h"
#include "tree_cost.h"

static void world_topology(const struct comm_world *world, struct topology *topology)
{
    topology_init_even(topology, world->ranks, world->per_node);
    topology->share_align = world->align;
    topology->link = world->link;
}

int comm_world_nodes(const struct comm_world *world)
{
    return topology_nodes_of(world->ranks, world->per_node);
}

int comm_world_share(const struct comm_world *world, int n)
{
    struct topology topology;
    int begin, end;
    world_topology(world, &topology);
    topology_share(&topology, n, 0, &begin, &end);
    topology_release(&topology);
    return end - begin;
}

struct comm_work comm_world_work(const struct comm_world *world, int n, size_t count)
{
    struct comm_work work = {0};
    struct topology topology;
    if (world->ranks == 1)
        return work;
    world_topology(world, &topology);
    enum tree_algorithm chosen = tree_fastest(&topology, n, count);
    tree_cost(chosen, &topology, n, count, &work);
    work.name = comm_tree_names[chosen];
    topology_release(&topology);
    return work;
}
