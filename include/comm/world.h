/*
 * world: what summing a gradient takes, by each algorithm of the fixed tree, in a world
 * of ranks that need not exist: messages, floats and meetings, counted as the algorithms
 * send and add them. How long that takes is for who knows the network to say. Pure: no
 * MPI.
 */
#ifndef LOCKSTEP_COMM_WORLD_H
#define LOCKSTEP_COMM_WORLD_H

#include <stddef.h>

#include "comm/topology.h"

/* Ranks fill the nodes one after the other. */
struct comm_world {
    int ranks, per_node;
    int align; /* comm_align's unit; 1 at least */
    struct comm_link link;
};

struct comm_work {
    const char *name; /* the algorithm */
    double rounds;    /* of messages that wait for those before them */
    double sent;      /* messages of the rank that sends most, in all rounds */
    double messages;  /* that go out through a node's link; of each round the most */
    double floats;    /* in them; no more come in meanwhile */
    double meetings;  /* of a node's ranks, in shared memory */
    double touched;   /* floats that each of them adds or copies there */
};

int comm_world_nodes(const struct comm_world *world);

/* The share of the first rank, which no other's exceeds: grains of n. */
int comm_world_share(const struct comm_world *world, int n);

/* A piece of `count` floats of the sum over n grains, by the algorithm that comm would
   choose for itself there (comm_tree_choice). All zero with one rank. */
struct comm_work comm_world_work(const struct comm_world *world, int n, size_t count);

#endif
