/* window: shared memory of the ranks of a node. Each rank has a segment and sees those of
   all; zeroed, aligned to MEM_ALIGN. */
#ifndef LOCKSTEP_COMM_WINDOW_H
#define LOCKSTEP_COMM_WINDOW_H

#include <stdbool.h>
#include <stddef.h>

#include "region.h"

struct comm;

struct window {
    int ranks;      /* of the node; 0: the window is closed */
    void **segment; /* (ranks), as mapped in this process */
    size_t bytes;   /* of a segment */
    struct region region;
};

/* Collective over all ranks. False, on all of them, if a node has no room for `bytes` for
   each of its ranks, or if no node has two ranks. */
bool window_open(struct comm *comm, size_t bytes, struct window *window);
void window_close(struct window *window); /* collective; a closed one is fine */

#endif
