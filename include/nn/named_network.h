/*
 * named_network: the networks that have a name, such as resnet18: their configs and what
 * is known about them.
 *
 * A config is text as a user would write it, in a file of configs/networks, which the
 * program contains. Networks that differ little share one file, a family. Its text is
 * that of a config, but for these:
 *
 *   @NAME@        stands for the network's value of NAME
 *   @only NAME    the lines up to the next @only or @end are there only for networks that
 *   @end          have NAME
 *
 * A new network is a file there, or a row of values for one, and a row in the table of
 * named_network.c.
 */
#ifndef LOCKSTEP_NN_NAMED_NETWORK_H
#define LOCKSTEP_NN_NAMED_NETWORK_H

#include "base/shape.h"
#include "base/status.h"

struct named_network {
    const char *name, *alias; /* alias: another spelling, or NULL */
    const char *family;       /* its file is FAMILY.conf */
    const char *values;       /* "basic n=3": names, some with a value, for the family */
    struct shape in;          /* of the published network, as are all below */
    int classes;
    double accuracy;  /* of its best guess, in %, on the test images; 0: unknown */
    const char *data; /* that it was measured on */
    const char *source;
};

/* Network i; NULL after the last one. */
const struct named_network *named_network_at(int i);

/* By name or alias; NULL if there is none. */
const struct named_network *named_network_find(const char *name);

#define NAMED_NETWORKS_MAX 32

/* The names, or else aliases, that begin with the text (base/parse.h): their number. */
int named_network_begin(const char *text, const char *names[NAMED_NETWORKS_MAX]);

/* The nearest name or alias to a wrong one, or NULL. */
const char *named_network_nearest(const char *name);

/* Its config, which a user could have written; the caller frees. */
char *named_network_text(const struct named_network *network);

#endif
