/* nodes: which ranks share memory, what they may put there, and who owns which grains. */
#include <stdlib.h>

#include "base/mem.h"
#include "comm/tree.h"
#include "comm_impl.h"

#define PINGS     7
#define LONG_PING 0.0005 /* seconds */

/* Ranks of a node follow each other, node by node, unless they were dealt out in turns.
 */
static int *firsts_of(const int *leader, int size)
{
    int nodes = 0, *first = mem_zeroed((size_t)size + 1, sizeof *first);
    for (int rank = 0; rank < size; rank++) {
        if (leader[rank] == rank)
            first[nodes++] = rank;
        else if (leader[rank] != leader[rank - 1]) {
            free(first);
            return NULL;
        }
    }
    first[nodes] = size;
    return first;
}

/* leader: [rank]. */
static int first_elsewhere(const int *leader, int size)
{
    for (int rank = 1; rank < size; rank++)
        if (leader[rank] != leader[0])
            return rank;
    return 0;
}

void comm_find_nodes(struct comm *comm)
{
    int *leader = mem_zeroed((size_t)comm->size, sizeof *leader), mine = comm->rank;
    MPI_CHECK(MPI_Bcast(&mine, 1, MPI_INT, 0, comm->node));
    MPI_CHECK(MPI_Allgather(&mine, 1, MPI_INT, leader, 1, MPI_INT, comm->all));
    comm->nodes = 0;
    for (int rank = 0; rank < comm->size; rank++) {
        comm->node_index += rank < mine && leader[rank] == rank;
        comm->nodes += leader[rank] == rank;
    }
    int sizes[] = {comm->node_size, -comm->node_size};
    MPI_CHECK(MPI_Allreduce(MPI_IN_PLACE, sizes, 2, MPI_INT, MPI_MAX, comm->all));
    comm->node_most = sizes[0];
    comm->channels = -sizes[1];
    comm->node_first = firsts_of(leader, comm->size);
    comm->far_rank = first_elsewhere(leader, comm->size);
    free(leader);
}

void comm_know_link(struct comm *comm)
{
    if (comm->nodes > 1 && comm->link.bandwidth <= 0)
        comm->link = comm_measure_link(comm, comm->far_rank, PINGS, LONG_PING);
}

void comm_align(struct comm *comm, int unit)
{
    ASSERT(unit >= 1);
    comm->unit = unit;
    comm_tree_forget(comm);
}

void comm_share(const struct comm *comm, int n, int rank, int *begin, int *end)
{
    int unit = comm->unit ? comm->unit : 1;
    tree_share((n + unit - 1) / unit, comm->size, rank, begin, end);
    *begin = *begin * unit < n ? *begin * unit : n;
    *end = *end * unit < n ? *end * unit : n;
}

float *comm_vectors(struct comm *comm, size_t floats)
{
    double most = (double)floats;
    free(comm->private_vectors);
    comm->private_vectors = NULL;
    window_close(&comm->vectors);
    comm_tree_forget(comm);
    comm_max_f64(comm, &most, 1);
    comm->no_windows = false;
    if (most <= 0)
        return NULL;
    comm->no_windows = !window_open(comm, (size_t)most * sizeof(float), &comm->vectors);
    if (!comm->no_windows)
        return comm->vectors.segment[comm->node_rank];
    comm->private_vectors = mem_aligned(floats, sizeof(float));
    return comm->private_vectors;
}
