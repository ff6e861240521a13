/*
 * heartbeat: how a rank shows its state, once a second, to ranks on other nodes.
 *
 * It uses UDP and not MPI, because MPI is what hangs when a rank does not arrive, and
 * because a second thread in MPI would cost a lock in every call. A lost datagram does no
 * harm: the next one is newer. Datagrams of other jobs are dropped: they do not carry the
 * random token of this job. Nothing in them is secret. Not collective, no MPI.
 */
#ifndef LOCKSTEP_COMM_HEARTBEAT_H
#define LOCKSTEP_COMM_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/stall.h"

#define HEARTBEAT_ADDRESSES 8 /* of one host; further ones are not used */

/* Where a rank listens: all IPv4 addresses of its host, because it is not known which of
   them the other hosts can reach. Plain data, in network byte order. */
struct heartbeat_address {
    uint32_t ip[HEARTBEAT_ADDRESSES]; /* 0: none */
    uint16_t port;
};

/* A non-blocking socket for `ranks` senders; -1: none could be opened, and with -1 the
   functions below send and receive nothing. */
int heartbeat_open(int ranks, struct heartbeat_address *address);
void heartbeat_close(int socket);

void heartbeat_send(int socket, uint64_t token, int rank, const struct stall_sight *sight,
                    const struct heartbeat_address *to);

/* Takes one heartbeat that has arrived; false: there is none. *rank is in [0, ranks). */
bool heartbeat_receive(int socket, uint64_t token, int ranks, int *rank,
                       struct stall_sight *sight);

/* A random number. */
uint64_t heartbeat_token(void);

#endif
