/* nodes: which ranks share memory, what they may put there, and who owns which grains. */
#include <stdlib.h>

#include "base/mem.h"
#include "comm/tree.h"
#include "comm_impl.h"

#define PINGS     7
#define LONG_PING 0.0005 /* seconds */

MPI_Comm comm_node_by_node(MPI_Comm ranks)
{
    MPI_Comm node, ordered;
    int first;
    MPI_CHECK(MPI_Comm_rank(ranks, &first));
    MPI_CHECK(
        MPI_Comm_split_type(ranks, MPI_COMM_TYPE_SHARED, first, MPI_INFO_NULL, &node));
    MPI_CHECK(MPI_Bcast(&first, 1, MPI_INT, 0, node));
    MPI_CHECK(MPI_Comm_free(&node));
    MPI_CHECK(MPI_Comm_split(ranks, 0, first, &ordered));
    return ordered;
}

void comm_find_ranks(struct comm *comm)
{
    MPI_CHECK(MPI_Comm_rank(comm->all, &comm->rank));
    MPI_CHECK(MPI_Comm_size(comm->all, &comm->size));
    MPI_CHECK(MPI_Comm_split_type(comm->all, MPI_COMM_TYPE_SHARED, comm->rank,
                                  MPI_INFO_NULL, &comm->node));
    MPI_CHECK(MPI_Comm_rank(comm->node, &comm->node_rank));
    MPI_CHECK(MPI_Comm_size(comm->node, &comm->node_size));
    int *first = mem_zeroed((size_t)comm->size + 1, sizeof *first);
    int mine = comm->rank - comm->node_rank;
    MPI_CHECK(MPI_Allgather(&mine, 1, MPI_INT, first, 1, MPI_INT, comm->all));
    comm->nodes = 0;
    for (int rank = 0; rank < comm->size; rank++)
        if (first[rank] == rank)
            first[comm->nodes++] = rank;
    first[comm->nodes] = comm->size;
    comm->node_first = first;
    while (first[comm->node_index] != mine)
        comm->node_index++;
    int sizes[] = {comm->node_size, -comm->node_size};
    MPI_CHECK(MPI_Allreduce(MPI_IN_PLACE, sizes, 2, MPI_INT, MPI_MAX, comm->all));
    comm->node_most = sizes[0];
    comm->channels = -sizes[1];
}

void comm_know_link(struct comm *comm)
{
    if (comm->nodes > 1 && comm->link.bandwidth <= 0)
        comm->link = comm_measure_link(comm, comm_far_rank(comm), PINGS, LONG_PING);
}

int comm_far_rank(const struct comm *comm)
{
    return comm->nodes > 1 ? comm->node_first[1] : 0;
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
