/*
 * stop: signals that request an early stop: INT (Ctrl-C), TERM, USR1 (SLURM's warning
 * before the time limit) and USR2. The first one sets a flag that the trainer checks
 * after each step; a second INT ends the process at once.
 */
#ifndef LOCKSTEP_BASE_STOP_H
#define LOCKSTEP_BASE_STOP_H

#include <stdbool.h>

/* stop_defer blocks these signals, also across exec, until stop_install or stop_deliver.
   After stop_deliver without stop_install they end the process, as usual. */
void stop_defer(void);
void stop_deliver(void);

/* Clears the flag, installs the handlers and unblocks the signals. Call before MPI
   starts: a signal may arrive that early. */
void stop_install(void);

bool stop_requested(void);

#endif
