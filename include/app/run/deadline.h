/*
 * deadline: when a run must be over.
 */
#ifndef LOCKSTEP_APP_RUN_DEADLINE_H
#define LOCKSTEP_APP_RUN_DEADLINE_H

#include "base/status.h"

/* `text`: a time as SLURM writes it (base/parse.h), from `begin` on, or "auto": what is
   left of the SLURM job, asked of its environment, else of squeue. *deadline is in
   timer_now seconds; 0: none. ST_USAGE for anything else, or "auto" outside of SLURM. Not
   collective. */
enum status deadline_parse(const char *text, double begin, double *deadline) MUST_CHECK;

#endif
