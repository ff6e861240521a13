/*
 * load: how busy the machines were before this run.
 */
#ifndef LOCKSTEP_APP_RUN_LOAD_H
#define LOCKSTEP_APP_RUN_LOAD_H

struct comm;

/* Collective: the load average of the busiest rank's machine, 0 where it is unknown; and
   the largest load per CPU. per_cpu may be NULL. */
double load_average(struct comm *comm, double *per_cpu);

#endif
