/*
 * exchange: how long the sum of a gradient over the ranks takes: by each algorithm of the
 * fixed tree (comm/comm.h), and by MPI_Allreduce, whose bits depend on the number of
 * ranks.
 *
 * The algorithms take turns in every round, so that other work on the machine affects all
 * of them alike. A time is that of the slowest rank, so all ranks have the same figures.
 * Collective. Must not be called while a trainer exists: it replaces what comm_vectors
 * returned.
 */
#ifndef LOCKSTEP_LAB_EXCHANGE_H
#define LOCKSTEP_LAB_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>

struct comm;

#define EXCHANGE_ALGORITHMS 8
#define EXCHANGE_MPI        "MPI_Allreduce"

struct exchange_algorithm {
    const char *name;
    double seconds, low, high; /* median and extremes over the rounds */
};

/* The sum of `grains` vectors of `bytes` bytes each, of which each rank has its share. */
struct exchange_point {
    size_t bytes;
    int grains, algorithms;
    struct exchange_algorithm algorithm[EXCHANGE_ALGORITHMS]; /* the last is MPI's */
    int chosen;         /* by comm, for this size; -1: one rank, nothing to choose */
    double against_mpi; /* median over the rounds of the ratio chosen / MPI_Allreduce */
};

/* grains 0: one for each rank. */
void exchange_measure(struct comm *comm, size_t bytes, int grains, int rounds,
                      struct exchange_point *point);

/* The sums of a training step: pieces of one vector, of floats[i] floats each. */
#define EXCHANGE_PIECES 8
struct exchange_sum {
    int grains, pieces;             /* given */
    size_t floats[EXCHANGE_PIECES]; /* given */
    double seconds; /* all pieces, started together and waited for: lower quartile */
    double low, high;
    double busy; /* CPU time of a rank in these seconds: starting, adding, copying */
};

/* Before each sum every rank writes its vectors anew, as backward does. pause: seconds
   without messages before each sum, on several nodes, as while a step is computed. */
void exchange_measure_sum(struct comm *comm, double pause, struct exchange_sum *sum);

#endif
