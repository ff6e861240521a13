/*
 * watch: ends a run that hangs, and names the ranks that hold it up.
 *
 * On every rank a thread reads once a second the state of other ranks (base/where.h): of
 * ranks on its node through shared memory, which also shows a stopped process; of ranks
 * on other nodes through their heartbeats (comm/heartbeat.h). Heartbeats are sent to a
 * few monitors, which see all ranks and may report: ranks 0, 1 and the first rank that is
 * not on rank 0's node. comm/stall.h judges what was seen.
 *
 * When the job has stood still for `warn` seconds, one rank reports which ranks hold it
 * up; it also reports when the job moves again. After `timeout` seconds it ends the job
 * with exit code 1. A rank that is still there STALL_GRACE seconds later, for example
 * behind a cut link, ends itself. Time in which the watching process itself does not run
 * (a suspended job) does not count. Before the watch starts, comm_start gives all ranks
 * ten minutes.
 */
#ifndef LOCKSTEP_COMM_WATCH_H
#define LOCKSTEP_COMM_WATCH_H

#include "comm/comm.h"

#define COMM_WATCH_THREAD "lockstep-watch" /* its name, for top -H and debuggers */

struct comm_watch;

/* Collective. The other ranks see the marks of the calling thread. One watch at a time;
   comm_finish stops it. NULL, with a note: the ranks of a node cannot share memory. */
struct comm_watch *comm_watch_start(struct comm *comm, double warn, double timeout);

/* Collective; NULL is fine. From here on the process has `timeout` + STALL_GRACE seconds
   to leave MPI and end. */
void comm_watch_stop(struct comm_watch *watch);

#endif
