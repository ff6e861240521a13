#include "ranks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"

#define RANKS_HOST sizeof(((struct comm *)0)->host)

MPI_Comm comm_order_ranks(MPI_Comm ranks)
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

/* Each rank names the first one of its node. */
static void ranks_find_nodes(struct comm *comm, int ranks)
{
    int *first = mem_zeroed((size_t)ranks + 1, sizeof *first);
    int mine = comm->rank - comm->node_rank, nodes = 0;
    MPI_CHECK(MPI_Allgather(&mine, 1, MPI_INT, first, 1, MPI_INT, comm->all));
    for (int rank = 0; rank < ranks; rank++)
        if (first[rank] == rank)
            first[nodes++] = rank;
    first[nodes] = ranks;
    topology_init(&comm->topology, nodes, first);
    while (first[comm->node_index] != mine)
        comm->node_index++;
    free(first);
}

void comm_find_ranks(struct comm *comm)
{
    int ranks;
    MPI_CHECK(MPI_Comm_rank(comm->all, &comm->rank));
    MPI_CHECK(MPI_Comm_size(comm->all, &ranks));
    MPI_CHECK(MPI_Comm_split_type(comm->all, MPI_COMM_TYPE_SHARED, comm->rank,
                                  MPI_INFO_NULL, &comm->node));
    MPI_CHECK(MPI_Comm_rank(comm->node, &comm->node_rank));
    MPI_CHECK(MPI_Comm_size(comm->node, &comm->node_size));
    ranks_find_nodes(comm, ranks);
}

/* The part of a host's name before the first dot; all of an address. */
static void ranks_short_name(char out[RANKS_HOST], const char *name)
{
    memcpy(out, name, RANKS_HOST);
    if (strspn(name, "0123456789") < strcspn(name, "."))
        out[strcspn(out, ".")] = '\0';
}

void comm_name_host(struct comm *comm)
{
    char name[RANKS_HOST] = "", mine[RANKS_HOST], theirs[RANKS_HOST];
    size_t ranks = (size_t)comm->topology.ranks;
    char(*names)[RANKS_HOST] = mem_zeroed(ranks, sizeof *names);
    gethostname(name, sizeof name - 1);
    MPI_CHECK(MPI_Allgather(name, sizeof name, MPI_BYTE, names, sizeof name, MPI_BYTE,
                            comm->all));
    ranks_short_name(mine, name);
    bool alone = true; /* among the short names */
    for (int rank = 0; rank < comm->topology.ranks; rank++) {
        ranks_short_name(theirs, names[rank]);
        if (!topology_on_node(&comm->topology, comm->node_index, rank) &&
            strcmp(theirs, mine) == 0)
            alone = false;
    }
    memcpy(comm->host, alone ? mine : name, sizeof comm->host);
    free(names);
}

void comm_release_ranks(struct comm *comm)
{
    topology_release(&comm->topology);
    MPI_CHECK(MPI_Comm_free(&comm->node));
    MPI_CHECK(MPI_Comm_free(&comm->all));
}
