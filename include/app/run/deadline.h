/*
 * deadline: when a run must end (--max-time).
 */
#ifndef LOCKSTEP_APP_RUN_DEADLINE_H
#define LOCKSTEP_APP_RUN_DEADLINE_H

#include "base/status.h"

/* `text`: a time as SLURM writes it (base/parse.h), counted from `begin`, or "auto": the
   end of the SLURM job, from its environment, else from squeue. *deadline and begin are
   in timer_now seconds; *deadline is 0 if there is none. ST_USAGE for any other text, and
   for "auto" outside of SLURM. Not collective. */
enum status deadline_parse(const char *text, double begin, double *deadline) MUST_CHECK;

#endif
