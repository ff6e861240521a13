/*
 * early: what must be done before main, and before any library is initialised.
 *
 * Standard input, output and error are opened if the process was started without them.
 *
 * A watchdog runs until main:
 * While it is loaded OpenBLAS allocates 128 MiB for each OpenMP thread. If that fails
 * (ulimit -d, ulimit -v, a machine that does not overcommit) it tries again for ever. A
 * timer of CPU time, set before any library is initialised, then prints what is wrong and
 * exits with code 2.
 */
#ifndef LOCKSTEP_APP_RUN_EARLY_H
#define LOCKSTEP_APP_RUN_EARLY_H

/* Cancels the watchdog timer. Call first in main, and before exec: timers survive exec.
 */
void early_done(void);

#endif
