/* hello: the first messages of a job. Where the network between two hosts leads nowhere,
   Open MPI waits for ever and says nothing. */
#ifndef LOCKSTEP_COMM_HELLO_H
#define LOCKSTEP_COMM_HELLO_H

#include <mpi.h>

/* Collective: returns when rank 0 and each of the others have heard each other. After
   some seconds those that have not are named. */
void comm_hello(MPI_Comm ranks);

#endif
