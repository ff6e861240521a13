/* ping: measures the network once for a communicator. */
#ifndef LOCKSTEP_COMM_PING_H
#define LOCKSTEP_COMM_PING_H

struct comm;

/* Collective: measures the link of the topology unless it is known, or there is none. */
void comm_know_link(struct comm *comm);

#endif
