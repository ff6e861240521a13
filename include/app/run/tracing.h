/*
 * tracing: the trace of all ranks (base/trace.h) in one file. Collective.
 */
#ifndef LOCKSTEP_APP_RUN_TRACING_H
#define LOCKSTEP_APP_RUN_TRACING_H

#include "base/status.h"

struct comm;

/* Rank 0, before anything is touched: can it be written to `path`? Not collective. */
enum status tracing_check(const char *path) MUST_CHECK;

/* The ranks' clocks are set to 0 at one barrier: among hosts they agree as well as ranks
   leave it together. threads: of this rank that compute. */
void tracing_start(struct comm *comm, int threads);

/* Ends it and writes it, if there is one (path may be NULL). part: what this rank has of
   the network, for its name in the picture; NULL: all. `st` is what the run ended with:
   it is returned if that is worse. */
enum status tracing_write(struct comm *comm, const char *path, const char *part,
                          enum status st) MUST_CHECK;

#endif
