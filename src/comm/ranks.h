/* ranks: which ranks share memory, and their numbers. */
#ifndef LOCKSTEP_COMM_RANKS_H
#define LOCKSTEP_COMM_RANKS_H

#include "comm_impl.h"

/* Collective: the same ranks, renumbered so that those of one node follow each other. The
   order is kept where it is like that already. */
MPI_Comm comm_order_ranks(MPI_Comm ranks);

/* Collective: sets all that follows from comm->all, the topology among it. */
void comm_find_ranks(struct comm *comm);
/* Collective: sets comm->host to the part of the host's name before the first dot, or to
   the whole name if another node has the same part. */
void comm_name_host(struct comm *comm);
void comm_release_ranks(struct comm *comm);

#endif
