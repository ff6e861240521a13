/*
 * launcher: what mpirun and srun tell a process before MPI starts, or without MPI.
 */
#ifndef LOCKSTEP_APP_RUN_LAUNCHER_H
#define LOCKSTEP_APP_RUN_LAUNCHER_H

#include <stdbool.h>

/* The rank that the launcher gave this process; 0 without one. Variables of SLURM count
   for the tasks that srun started itself: other processes inherit them by chance. */
int launcher_rank(void);

/* For commands that need one process: did mpirun start this very command more than once,
   and is this not the first copy? Only then rank 0 does the work for all. A rank that a
   script started with a command of its own works, and so does each task of srun. */
bool launcher_is_copy(char **argv);

#endif
