/*
 * stall: --stall-timeout, of the commands that run on several ranks.
 */
#ifndef LOCKSTEP_APP_RUN_STALL_H
#define LOCKSTEP_APP_RUN_STALL_H

#include "base/status.h"

struct comm;

#define STALL_TIMEOUT 600 /* seconds: the default */
#define STALL_HELP \
    "end the job after so long without progress on any rank, default 600; 0: never"

/* Collective. Starts the watch (comm/watch.h): until comm_finish a job in which no rank
   makes progress for `seconds` is ended. 0: it is not. Setup is watched as well: reading
   a large data set counts as progress. ST_USAGE if the timeout is too long. */
enum status stall_watch(struct comm *comm, long long seconds) MUST_CHECK;

#endif
