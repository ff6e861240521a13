/*
 * heartbeat: what a rank shows of itself, once a second, to ranks on other nodes.
 *
 * By UDP and not by MPI, because MPI is what hangs when a rank does not arrive, and
 * because a second thread in MPI would cost every one of its calls a lock. A datagram
 * that is lost costs nothing: the next one says more. What is not of this job, told by a
 * random number that only its ranks know, is dropped; nothing here is secret.
 * Not collective, no MPI.
 */
#ifndef LOCKSTEP_COMM_HEARTBEAT_H
#define LOCKSTEP_COMM_HEARTBEAT_H

#include <stdbool.h>
#include <stdint.h>

#include "comm/stall.h"

#define HEARTBEAT_ADDRESSES 8 /* of one host; further ones are not used */

/* Where a rank listens: all IPv4 addresses of its host, for who knows which of them the
   others can reach. Plain data, in network byte order. */
struct heartbeat_address {
    uint32_t ip[HEARTBEAT_ADDRESSES]; /* 0: none */
    uint16_t port;
};

/* A socket that never blocks, for `ranks` senders; -1 if there is none to be had: then
   nothing is sent and nothing comes. */
int heartbeat_open(int ranks, struct heartbeat_address *address);
void heartbeat_close(int socket);

void heartbeat_send(int socket, uint64_t token, int rank, const struct stall_sight *sight,
                    const struct heartbeat_address *to);

/* One that has come, if there is any: its rank is in [0, ranks). */
bool heartbeat_receive(int socket, uint64_t token, int ranks, int *rank,
                       struct stall_sight *sight);

/* A random number. */
uint64_t heartbeat_token(void);

#endif
