/*
 * machine: what this machine can do at best, and what it costs to use several threads:
 * measured, as the yardstick of the laboratory.
 */
#ifndef LOCKSTEP_LAB_MACHINE_H
#define LOCKSTEP_LAB_MACHINE_H

#include <stddef.h>

#include "lab/sample.h"

enum machine_level { MACHINE_L1, MACHINE_L2, MACHINE_L3, MACHINE_MEMORY, MACHINE_LEVELS };

#define MACHINE_TEAMS   8  /* thread counts that are measured, at most */
#define MACHINE_THREADS 64 /* the largest of them */

/* "L1", ..., "memory" */
const char *machine_level_name(enum machine_level level);

/* Of so many threads; seconds, bytes per second. */
struct machine_team {
    int threads;
    struct sample region;  /* an OpenMP region, begun right after another: if they may,
                              threads still spin */
    struct sample wake;    /* after a pause in which they went to sleep */
    struct sample barrier; /* team_barrier */
    double bandwidth[MACHINE_LEVELS]; /* a = b + s c, arrays of that level */
};

struct machine {
    int cpus;                     /* that may be used */
    double peak;                  /* FLOP/s of one core, on registers */
    size_t cache[MACHINE_MEMORY]; /* bytes; 0: unknown. L3 is all cores' */
    int teams;
    struct machine_team team[MACHINE_TEAMS];
};

/* Thread counts, the first of them 1. Takes about a second for each. */
void machine_measure(struct machine *machine, const int *threads, int count);

const struct machine_team *machine_team(const struct machine *machine, int threads);

/* The first level that holds so many bytes. */
enum machine_level machine_level(const struct machine *machine, size_t bytes);

#endif
