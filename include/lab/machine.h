/*
 * machine: the peak speed and bandwidth of this machine and the cost of threads,
 * measured. The laboratory judges its times by these.
 */
#ifndef LOCKSTEP_LAB_MACHINE_H
#define LOCKSTEP_LAB_MACHINE_H

#include <stddef.h>

#include "lab/sample.h"

enum machine_level { MACHINE_L1, MACHINE_L2, MACHINE_L3, MACHINE_MEMORY, MACHINE_LEVELS };

#define MACHINE_TEAMS   8  /* most thread counts that are measured */
#define MACHINE_THREADS 64 /* most threads */

/* "L1", ..., "memory" */
const char *machine_level_name(enum machine_level level);

/* Figures for a number of threads; times in seconds, bandwidths in bytes per second. */
struct machine_team {
    int threads;
    struct sample region;  /* an OpenMP region started right after another one */
    struct sample wake;    /* a region started after a pause in which threads slept */
    struct sample barrier; /* team_barrier */
    double bandwidth[MACHINE_LEVELS]; /* of a = b + s c, with arrays in that level */
};

struct machine {
    int cpus;                     /* that this process may use */
    double peak;                  /* FLOP/s of one core, on registers */
    size_t cache[MACHINE_MEMORY]; /* bytes; 0: unknown. All cores share L3 */
    int teams;
    struct machine_team team[MACHINE_TEAMS];
};

/* threads: (count) numbers of threads, the first of them 1. Takes about a second each. */
void machine_measure(struct machine *machine, const int *threads, int count);

/* NULL: this number of threads was not measured. */
const struct machine_team *machine_team(const struct machine *machine, int threads);

/* The smallest level that holds `bytes` bytes. */
enum machine_level machine_level(const struct machine *machine, size_t bytes);

#endif
