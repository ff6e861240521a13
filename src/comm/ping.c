#include "ping.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/timer.h"
#include "tree_group.h"

#define LINK_PINGS   7      /* of comm_know_link */
#define LINK_SECONDS 0.0005 /* of its long messages */

#define LONG_PINGS 4
#define LONG_LEAST 65536   /* floats: more than a link lets through in a burst */
#define LONG_MOST  1048576 /* floats */
#define LONG_SHARE 0.125   /* least share of a long ping that counts as transfer */

/* To the other rank and back; half of the time. */
static double ping_once(struct comm *comm, struct tree_group_sum *pair, float *data,
                        size_t floats)
{
    double begin = timer_now();
    for (int turn = 0; turn < 2; turn++) {
        if (turn == pair->group.self)
            tree_send(comm, pair, data, floats, 1 - turn);
        else
            tree_receive(comm, pair, data, floats, turn);
        tree_messages_wait(pair);
    }
    return (timer_now() - begin) / 2;
}

/* The fastest of `pings` as rank 0 sees it, sent to all ranks. The first one, which opens
   the connection, does not count. */
static double ping_fastest(struct comm *comm, int other, size_t floats, int pings)
{
    int ranks[] = {0, other};
    double least = INFINITY;
    if (comm->rank == 0 || comm->rank == other) {
        struct tree_group_sum pair = {
            .tag = TAG_TREE,
            .group = {.size = 2, .self = comm->rank == other, .rank = ranks}};
        float *data = mem_zeroed(floats, sizeof *data);
        ping_once(comm, &pair, data, floats);
        for (int i = 0; i < pings; i++)
            least = fmin(least, ping_once(comm, &pair, data, floats));
        free(pair.request);
        free(data);
    }
    comm_bcast(comm, &least, sizeof least, 0);
    return least;
}

struct comm_link comm_measure_link(struct comm *comm, int other, int pings,
                                   double seconds)
{
    struct comm_link link = {.latency = ping_fastest(comm, other, 1, pings)};
    size_t floats = LONG_LEAST;
    double transfer = ping_fastest(comm, other, floats, 1) - link.latency;
    for (; floats < LONG_MOST && 2 * transfer < fmax(seconds, link.latency);
         transfer *= 2)
        floats *= 2;
    double longer = ping_fastest(comm, other, floats, LONG_PINGS);
    link.bandwidth = (double)(floats * sizeof(float)) /
                     fmax(longer - link.latency, LONG_SHARE * longer);
    return link;
}

void comm_know_link(struct comm *comm)
{
    struct topology *topology = &comm->topology;
    if (topology->nodes > 1 && topology->link.bandwidth <= 0)
        topology->link =
            comm_measure_link(comm, topology->node_first[1], LINK_PINGS, LINK_SECONDS);
}
