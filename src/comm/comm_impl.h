/* comm_impl: struct comm. */
#ifndef LOCKSTEP_COMM_COMM_IMPL_H
#define LOCKSTEP_COMM_COMM_IMPL_H

#include <mpi.h>

#include "abort.h"
#include "comm/comm.h"
#include "comm/message.h"
#include "comm/topology.h"
#include "tree_cost.h"
#include "window.h"

/* TAG_MESSAGE and on: one for each kind of message; TAG_TREE and on: one for each piece
   of a sum. */
enum { TAG_GATHER = 1, TAG_SEND, TAG_MESSAGE, TAG_TREE = TAG_MESSAGE + MESSAGE_KINDS };

/* The sums over ranks (tree_sum.c). */
struct tree_sums {
    struct tree_piece *piece; /* owned: COMM_TREE_PIECES; NULL before the first sum */
    int pieces;               /* started since the last wait */
    double started;           /* the first of them */
    enum tree_algorithm wanted;
};

struct comm {
    bool alone;         /* without MPI (comm_start_alone) */
    MPI_Comm all, node; /* ranks are numbered node by node (ranks.c) */
    struct topology topology;
    int rank, node_rank, node_size;
    int node_index; /* of this rank's node in the topology */
    char host[64];
    struct window vectors; /* comm_vectors */
    void *private_vectors; /* owned: the same where no window could be opened */
    struct tree_sums tree;
    struct comm_watch *watch; /* NULL: none */
};

/* Waits as base/wait.h says, so that other ranks and users have the CPU meanwhile. */
void comm_wait(MPI_Request *request);

#endif
