/*
 * prepare: the environment that libraries read while they load, and what in the user's
 * environment makes a run slower or is ignored.
 */
#ifndef LOCKSTEP_APP_RUN_PREPARE_H
#define LOCKSTEP_APP_RUN_PREPARE_H

/* Set by the first of the two executions. */
#define PREPARE_VARIABLE "LOCKSTEP_PREPARED"

/* Call once, first in main. Puts settings that libraries read only while they load into
   the environment (OpenBLAS's kernels) and, if one was missing, executes the program
   again. Does not change what the user has set. */
void prepare_environment(char **argv);

/* One line about an environment variable that slows BLAS down, with what to type; NULL:
   there is none. Static storage. */
const char *prepare_blas_advice(void);

/* One line about an environment variable that asks for other CPUs, or another number of
   threads than the run's `threads` a rank, with what to type; NULL: there is none. Static
   storage. */
const char *prepare_threads_advice(int threads);

#endif
