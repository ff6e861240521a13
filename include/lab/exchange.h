/*
 * exchange: how long the sum of a gradient over the ranks takes, by each algorithm of the
 * fixed tree (comm/comm.h) and, for comparison, by MPI_Allreduce, whose bits depend on
 * the number of ranks.
 *
 * They take turns in every round, so that what else the machine does hits all alike. A
 * time is that of the slowest rank, so all ranks get the same figures. Collective. Ends
 * what comm_vectors gave before: not while a trainer lives.
 */
#ifndef LOCKSTEP_LAB_EXCHANGE_H
#define LOCKSTEP_LAB_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

struct comm;

#define EXCHANGE_WAYS 8
#define EXCHANGE_MPI  "MPI_Allreduce"

struct exchange_way {
    const char *name;
    double seconds, low, high; /* median and extremes over the rounds */
};

/* Vectors of so many bytes, each rank with its share of `grains` of them. */
struct exchange_point {
    size_t bytes;
    int grains, ways;
    struct exchange_way way[EXCHANGE_WAYS]; /* those that apply; the last one is MPI's */
    int chosen;                             /* by comm, for this size; -1: one rank */
    double against_mpi; /* median over the rounds of chosen / MPI_Allreduce, in a round */
};

/* grains 0: one for each rank. */
void exchange_measure(struct comm *comm, size_t bytes, int grains, int rounds,
                      struct exchange_point *point);

/* What a training step sums: pieces of so many floats of one vector. Each rank's vectors
   are written anew before, as backward does. */
#define EXCHANGE_PIECES 8
struct exchange_sum {
    int grains, pieces;
    size_t floats[EXCHANGE_PIECES];
    double seconds; /* of all of them, begun together and waited for: lower quartile */
    double low, high;
    double busy; /* of these, the CPU's of a rank: starting, adding, copying */
};
void exchange_measure_sum(struct comm *comm, struct exchange_sum *sum);

#endif
