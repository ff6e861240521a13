#include "comm/world.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "tree_impl.h"

/* Only their ratios choose an algorithm. Messages through MPI between ranks of one node,
   and over a network as far as that was not measured: its latency is more than this in
   any case, for messages queue; each of them takes time of the rank that sends it, while
   others send theirs, and of the link. Then ranks of a node that wait for each other in
   shared memory, and floats there. */
#define NODE_LATENCY    2e-6
#define NODE_MESSAGE    5e-7
#define NODE_FLOAT      1e-9
#define NETWORK_LATENCY 10e-6
#define NETWORK_SENT    15e-6
#define NETWORK_MESSAGE 1e-6
#define NETWORK_FLOAT   8e-9
#define MEETING         1e-6
#define TOUCHED_FLOAT   3e-10

static double seconds_of(const struct comm *comm, const struct comm_work *work)
{
    double latency = NODE_LATENCY, sent = 0, message = NODE_MESSAGE, each = NODE_FLOAT;
    if (comm->nodes > 1) {
        double bandwidth = comm->link.bandwidth;
        latency = fmax(comm->link.latency, NETWORK_LATENCY);
        sent = NETWORK_SENT;
        message = NETWORK_MESSAGE;
        each = bandwidth > 0 ? sizeof(float) / bandwidth : NETWORK_FLOAT;
    }
    return work->rounds * latency + work->sent * sent + work->messages * message +
           work->floats * each + work->meetings * MEETING + work->touched * TOUCHED_FLOAT;
}

double tree_seconds(const struct tree_algorithm *algorithm, const struct comm *comm,
                    int n, size_t count)
{
    struct comm_work work;
    return algorithm->work(algorithm, comm, n, count, &work) ? seconds_of(comm, &work)
                                                             : INFINITY;
}

int comm_world_nodes(const struct comm_world *world)
{
    return (world->ranks + world->per_node - 1) / world->per_node;
}

int comm_world_share(const struct comm_world *world, int n)
{
    const struct comm ranks = {.size = world->ranks, .unit = world->align};
    int begin, end;
    comm_share(&ranks, n, 0, &begin, &end);
    return end - begin;
}

struct comm_work comm_world_work(const struct comm_world *world, int n, size_t count)
{
    struct comm_work work = {0};
    int nodes = comm_world_nodes(world),
        last = world->ranks - (nodes - 1) * world->per_node;
    struct comm comm = {
        .size = world->ranks,
        .nodes = nodes,
        .node_most = nodes > 1 ? world->per_node : last,
        .channels = last,
        .unit = world->align,
        .link = world->link,
    };
    if (world->ranks == 1)
        return work;
    comm.node_first = mem_zeroed((size_t)nodes + 1, sizeof *comm.node_first);
    for (int i = 0; i < nodes; i++)
        comm.node_first[i] = i * world->per_node;
    comm.node_first[nodes] = world->ranks;
    const struct tree_algorithm *chosen = tree_fastest(&comm, n, count);
    chosen->work(chosen, &comm, n, count, &work);
    work.name = tree_name(chosen);
    free(comm.node_first);
    return work;
}
