/* region: memory that the ranks of a node share. Each rank has a part of its own and sees
   those of all; zeroed, aligned to pages, near its rank's CPUs. All of it is reserved
   when the region is opened, so a later write never fails for want of room. */
#ifndef LOCKSTEP_COMM_REGION_H
#define LOCKSTEP_COMM_REGION_H

#include <mpi.h>
#include <stddef.h>

struct region {
    void **part;   /* owned: (ranks of the node); NULL: the region is closed */
    size_t bytes;  /* of all parts */
    MPI_Comm node; /* its ranks */
};

/* Collective over the ranks of a node; `bytes` is this rank's part and may be 0. Returns
   0, or on all ranks of the node the errno of a rank that got none. */
int region_open(struct region *region, MPI_Comm node, size_t bytes);
void region_close(struct region *region); /* collective; a closed one is fine */

#endif
