/*
 * tracing: the trace of all ranks (base/trace.h) in one file. Collective.
 */
#ifndef LOCKSTEP_APP_RUN_TRACING_H
#define LOCKSTEP_APP_RUN_TRACING_H

#include "base/status.h"

struct comm;

/* Can a trace be written to `path`, which must not be one of the inputs (target.h)?
   Called by rank 0 before the run's folder is touched. Not collective. */
enum status tracing_check(const char *path, const char *const *input,
                          int inputs) MUST_CHECK;

/* Time 0 of every rank is the end of one barrier: clocks of different hosts agree as well
   as ranks leave it at the same time. threads: computing threads of this rank. */
void tracing_start(struct comm *comm, int threads);

/* Ends the trace and writes it to `path`; does nothing without a trace (path may be
   NULL). part: the part of the network that this rank has, for its label; NULL: all of
   it. st: the status of the run, returned unless it is ST_OK. */
enum status tracing_write(struct comm *comm, const char *path, const char *part,
                          enum status st) MUST_CHECK;

#endif
