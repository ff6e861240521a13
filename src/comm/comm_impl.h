/* comm_impl: what the sources of comm share among themselves. */
#ifndef LOCKSTEP_COMM_COMM_IMPL_H
#define LOCKSTEP_COMM_COMM_IMPL_H

#include <mpi.h>

#include "comm/comm.h"

enum { TAG_GATHER = 1, TAG_TREE };

/* What comm_tree_sum keeps from call to call. */
struct tree_buffers {
    float *received; /* slices of other ranks' parts */
    size_t capacity; /* floats */
    MPI_Request *request;
    int requests;
    size_t *first; /* [rank]: number of parts of all ranks before it; size + 1 entries */
};

struct comm {
    MPI_Comm all, node;
    int rank, size;
    int node_rank, node_size, node_count;
    char host[64];
    struct tree_buffers tree;
};

/* Print a failed call and end the job. */
void comm_check(int code, const char *what);
#define MPI_CHECK(call) comm_check((call), #call)

void comm_tree_release(struct comm *comm);

#endif
