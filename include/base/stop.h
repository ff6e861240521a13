/*
 * stop: requests from outside to stop early: INT (Ctrl-C), TERM, USR1 (SLURM's warning
 * before the time limit) and USR2. The first sets a flag that the trainer looks at after
 * each step; a second INT ends the process at once.
 */
#ifndef LOCKSTEP_BASE_STOP_H
#define LOCKSTEP_BASE_STOP_H

#include <stdbool.h>

/* Such signals wait, also while the program starts itself anew (exec), until stop_install
   or stop_deliver: then a command that does not look is ended by them, as usual. */
void stop_defer(void);
void stop_deliver(void);

/* Install the handlers, nothing being asked for yet; before MPI starts, because a signal
   may come that early. */
void stop_install(void);

bool stop_requested(void);

#endif
