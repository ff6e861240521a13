/*
 * early: what must be settled before the libraries are loaded, ahead of main.
 *
 * Memory. OpenBLAS allocates 128 MiB for each OpenMP thread. If that fails (ulimit -d,
 * ulimit -v, a machine that does not overcommit) it tries again for ever. A timer of CPU
 * time then prints what is wrong and exits with code 2.
 *
 * Standard input, output and error. They are opened if the process was started without
 * them.
 *
 * Stacks. A soft limit below 8 MiB is raised, as far as the hard one allows; if that
 * leaves too little, one line says so: exit code 2. Threads get at most 8 MiB.
 *
 * Open files. A soft limit is raised up to 65,536, as far as the hard one allows.
 *
 * OpenMP. libgomp reads its variables once, while it is loaded. Those that would bind the
 * ranks' threads to too few CPUs, or take threads or stacks away, are hidden from it, and
 * it gets a short GOMP_SPINCOUNT unless the user chose a policy of waiting. In main the
 * environment is what it was.
 */
#ifndef LOCKSTEP_APP_RUN_EARLY_H
#define LOCKSTEP_APP_RUN_EARLY_H

/* Cancels the watchdog timer and restores the environment. Call first in main, and before
   exec: timers survive exec. */
void early_done(void);

#endif
