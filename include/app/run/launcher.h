/*
 * launcher: what a launcher (mpirun, srun, another MPI's mpiexec) tells a process in its
 * environment, before MPI starts or without MPI.
 *
 * Variables alone prove nothing: a shell inside of a job hands them on to what is typed
 * there. So a command for one process asks whether the launcher started this very
 * process, and a command for all ranks compares what the launcher says with the ranks
 * that MPI found.
 */
#ifndef LOCKSTEP_APP_RUN_LAUNCHER_H
#define LOCKSTEP_APP_RUN_LAUNCHER_H

#include <stdbool.h>

#include "base/status.h"

/* The rank that the launcher gave this process; 0 without one. */
int launcher_rank(void);

/* Does a launcher say that it started this process, or a shell around it? */
bool launcher_is_there(void);

/* For commands of one process: ST_USAGE if a launcher started this very command more than
   once. Of the copies, the first says so. A process that a script under a launcher
   started is fine, because scripts give each process work of its own. */
enum status launcher_check_alone(const char *command, char **argv) MUST_CHECK;

/* For commands of all ranks: ST_USAGE if this process is the only rank that MPI found
   (ranks == 1), but a launcher says that it is one of several. */
enum status launcher_check_world(int ranks) MUST_CHECK;

#endif
