/* comm_impl: what the sources of comm share among themselves. */
#ifndef LOCKSTEP_COMM_COMM_IMPL_H
#define LOCKSTEP_COMM_COMM_IMPL_H

#include <mpi.h>

#include "base/where.h"
#include "comm/comm.h"
#include "comm/message.h"
#include "comm/world.h"
#include "window.h"

/* TAG_MESSAGE and on: a kind of message each; TAG_TREE and on: a piece of a sum each. */
enum { TAG_GATHER = 1, TAG_SEND, TAG_MESSAGE, TAG_TREE = TAG_MESSAGE + MESSAGE_KINDS };

struct tree_sums {
    struct tree_piece *piece; /* owned: COMM_TREE_PIECES; NULL before the first sum */
    int pieces;               /* under way or done, until the wait */
    double started;
    const struct tree_algorithm *wanted; /* NULL: whatever is fastest */
};

struct comm {
    MPI_Comm all, node;
    int rank, size;
    int node_rank, node_size;
    int nodes, node_index; /* how many, and which is this rank's */
    int node_most;         /* ranks of the largest node */
    int channels;          /* and of the smallest */
    int *node_first;       /* owned: [node]: its first rank; nodes + 1 */
    int node_parts;        /* of a split: that have ranks on this node; 0: no split */
    struct comm_link link; /* to the next one: comm_know_link */
    int unit;              /* grains that no border of shares divides; 0: 1 */
    char host[64];
    struct window vectors; /* comm_vectors */
    void *private_vectors; /* owned: the same where there is no window */
    bool no_windows;       /* there was no room for one */
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

/* nodes.c */

/* Collective: the same ranks, numbered so that those of a node follow each other, node by
   node, however they were dealt out. Nothing changes where they do already. */
MPI_Comm comm_node_by_node(MPI_Comm ranks);
/* All that follows from comm->all. Collective. */
void comm_find_ranks(struct comm *comm);
/* Measures comm->link unless that was done, or there is none. Collective. */
void comm_know_link(struct comm *comm);

void comm_tree_release(struct comm *comm);
void comm_tree_forget(struct comm *comm); /* what was chosen: choose again */

#endif
