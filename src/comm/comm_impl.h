/* comm_impl: what the sources of comm share among themselves. */
#ifndef LOCKSTEP_COMM_COMM_IMPL_H
#define LOCKSTEP_COMM_COMM_IMPL_H

#include <mpi.h>

#include "base/where.h"
#include "comm/comm.h"

enum { TAG_GATHER = 1, TAG_TREE }; /* TAG_TREE and on: a piece and its stage each */

/* One piece of a sum under way. Its buffers are kept for the next one. */
struct tree_piece {
    enum { PIECE_EXCHANGE, PIECE_GATHER, PIECE_DONE } stage;
    int n;
    size_t begin, end;    /* elements of the vectors */
    float *sum;           /* the caller's, from element 0 */
    float *received;      /* owned: this rank's slice of everyone's parts */
    size_t capacity;      /* floats */
    MPI_Request *request; /* owned */
    int requests, request_capacity;
};

struct tree_sums {
    struct tree_piece piece[COMM_TREE_PIECES];
    int pieces;    /* under way or done, until the wait */
    size_t *first; /* owned: [rank]: number of parts of all ranks before it; size + 1 */
    double started;
};

struct comm {
    MPI_Comm all, node;
    int rank, size;
    int node_rank, node_size;
    char host[64];
    struct tree_sums tree;
    struct comm_watch *watch; /* NULL: none */
};

/* Print a failed call and end the job. */
void comm_check(int code, const char *what);
#define MPI_CHECK(call) comm_check((call), #call)
/* The same for calls that return only when other ranks have come. */
#define MPI_WAIT(call) (where_wait(true), MPI_CHECK(call), where_wait(false))

/* The process has so long to end, whatever it is stuck in, or to come to comm_go_on; else
   it says `words` and ends with ST_FAIL. watch.c */
void comm_end_within(double seconds, const char *words);
void comm_go_on(void);

/* MPI_Abort may hang, in a thread that is not the main one for example: from here on the
   process has a few seconds to end, with `code`, and nothing puts it off. Any thread. */
void comm_end_surely(enum status code);

void comm_tree_release(struct comm *comm);

#endif
