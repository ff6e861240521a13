/* window: memory of which each rank of a node has a segment and sees all. Zeroed, aligned
   to MEM_ALIGN. */
#ifndef LOCKSTEP_COMM_WINDOW_H
#define LOCKSTEP_COMM_WINDOW_H

#include <mpi.h>
#include <stdbool.h>
#include <stddef.h>

struct comm;

struct window {
    int ranks;      /* of the node; 0: there is none */
    void **segment; /* owned: [node rank], as mapped here */
    size_t bytes;   /* of a segment */
    MPI_Win window;
};

/* Collective over all ranks. False, on all, if some node has no room for `bytes` a rank,
   or no rank a neighbour. */
bool window_open(struct comm *comm, size_t bytes, struct window *window);
void window_close(struct window *window); /* one that there is not is fine */

#endif
