/*
 * early: what is wrong before main is reached.
 *
 * OpenBLAS takes memory while it is loaded, 128 MiB for each of OpenMP's threads, and
 * where it gets none (ulimit -d, ulimit -v, a machine that does not overcommit) tries for
 * ever. This says so and ends the program with exit code 2.
 */
#ifndef LOCKSTEP_APP_RUN_EARLY_H
#define LOCKSTEP_APP_RUN_EARLY_H

/* First thing in main: all libraries are there. Also before an exec, which timers
 * survive. */
void early_done(void);

#endif
