/*
 * fabric: latency and bandwidth between two nodes, measured or given by the user.
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
    bool between_nodes; /* false: between ranks of one node */
    struct comm_link link;
    char text[FABRIC_TEXT]; /* "10Gbit,20us", "measured, n1 to n2" */
};

/* "10Gbit,20us": bandwidth in bit, kbit, Mbit, Gbit, B, kB, MB or GB per second, latency
   one way in ns, us, ms or s. link.bandwidth is that of the payload: 1448 of 1538 bytes
   on an Ethernet. ST_USAGE: the text is not of this form. */
enum status fabric_parse(const char *text, struct fabric *fabric) MUST_CHECK;

/* Collective. Measures between rank 0 and the first rank of another node, or rank 1 if
   there is one node. With a single rank nothing is known. */
void fabric_measure(struct comm *comm, struct fabric *fabric);

#endif
