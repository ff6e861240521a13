/*
 * fabric: how fast messages go from one node to another, measured or as a user says.
 */
#ifndef LOCKSTEP_LAB_FABRIC_H
#define LOCKSTEP_LAB_FABRIC_H

#include <stdbool.h>

#include "base/status.h"
#include "comm/world.h"

struct comm;

#define FABRIC_TEXT 64

struct fabric {
    bool known, given;
    bool between_nodes; /* else between ranks of one node */
    struct comm_link link;
    char text[FABRIC_TEXT]; /* "10Gbit,20us", "measured, n1 to n2" */
};

/* "10Gbit,20us": bandwidth in bit, kbit, Mbit, Gbit, B, kB, MB or GB a second, latency of
   one way in ns, us, ms or s. A nominal bandwidth carries less of what is sent: of 1538
   bytes on an Ethernet 1448. ST_USAGE: it is none. */
enum status fabric_parse(const char *text, struct fabric *fabric) MUST_CHECK;

/* Collective: between rank 0 and the first rank of another node, or else rank 1 of its
   own. With one rank nothing is known. */
void fabric_measure(struct comm *comm, struct fabric *fabric);

#endif
