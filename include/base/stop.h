/*
 * stop: requests from outside to stop early: INT (Ctrl-C), TERM, USR1 (SLURM's warning
 * before the time limit) and USR2. The first sets a flag that the trainer looks at after
 * each step; a second INT ends the process at once.
 */
#ifndef LOCKSTEP_BASE_STOP_H
#define LOCKSTEP_BASE_STOP_H

#include <stdbool.h>

/* Install the handlers; before MPI starts, because a signal may come that early. */
void stop_install(void);

bool stop_requested(void);

#endif
