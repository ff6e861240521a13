/*
 * watch: no run hangs for ever, and who holds it up is named.
 *
 * On every rank a thread looks once a second at what the others show of themselves
 * (base/where.h): those of its node through shared memory, where the place of a stopped
 * process is still to be read; those of other nodes through their heartbeats
 * (comm/heartbeat.h), sent to a few ranks that see all and may speak: ranks 0, 1 and the
 * first one on another node than rank 0's. comm/stall.h says what it means.
 *
 * When the job has stood still for `warn` seconds one rank says who holds it up; when it
 * moves again, it says that; after `timeout` seconds it ends the job with exit code 1. A
 * rank that nobody has ended STALL_GRACE seconds later, behind a cut link for example,
 * ends itself. Time in which the watching process does not run either (a suspended job)
 * does not count. Before there is a watch, comm_start gives all ranks ten minutes.
 */
#ifndef LOCKSTEP_COMM_WATCH_H
#define LOCKSTEP_COMM_WATCH_H

#include "comm/comm.h"

#define COMM_WATCH_THREAD "lockstep-watch" /* its name, for top -H and debuggers */

struct comm_watch;

/* Collective. The calling thread's marks are what the others see. One watch at a time;
   comm_finish stops it. */
struct comm_watch *comm_watch_start(struct comm *comm, double warn, double timeout);

/* Collective; NULL is fine. From here on the process has `timeout` seconds and the grace
   to leave MPI and end. */
void comm_watch_stop(struct comm_watch *watch);

#endif
