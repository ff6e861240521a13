/*
 * stop: signals that ask a process to end.
 *
 *   INT       Ctrl-C; a second one ends the process at once
 *   TERM      the end of a job, a shutdown
 *   USR1 USR2 warnings of batch systems before a limit (SLURM, LSF, Grid Engine)
 *   XCPU      the limit of CPU time (ulimit -t) is reached; stop_install lowers a soft
 *             limit that equals the hard one, at which the system kills
 *   HUP       the terminal is gone
 *   QUIT      Ctrl-\; a second one ends the process with a memory dump
 *   ALRM VTALRM  an alarm that was set before exec
 *   PWR       power fails, or a container is shut down
 *   PROF IO STKFLT, RTMIN to RTMAX  would end the process, whoever sends them; taken only
 *             where no profiler or library has
 *
 * The first one sets a flag that the trainer checks after each step. HUP, QUIT, ALRM,
 * VTALRM and PWR stay ignored if they were when the process started (nohup). Faults
 * (SEGV, ABRT, ...) and KILL end the process.
 *
 * Two signals would end a process in the middle of its work; they are errors of a write
 * instead: XFSZ, the limit of a file's size (ulimit -f), always; PIPE, a closed pipe,
 * after stop_install.
 */
#ifndef LOCKSTEP_BASE_STOP_H
#define LOCKSTEP_BASE_STOP_H

#include <stdbool.h>

/* stop_defer blocks these signals but the last ones, also across exec, until stop_install
   or stop_deliver. After stop_deliver without stop_install they end the process, as
   usual. */
void stop_defer(void);
void stop_deliver(void);

/* Clears the flag, installs the handlers and unblocks the signals. Call before MPI
   starts: a signal may arrive that early. */
void stop_install(void);

/* For a helper process: the signals are meant for the one that started it. */
void stop_ignore(void);

/* Ends the process as a closed pipe would have without stop_install. Returns if PIPE was
   ignored when the process started. */
void stop_by_pipe(void);

bool stop_requested(void);

#endif
