/* abort: the process ends although MPI may hang; what every call of MPI is checked by.
   Any thread, not collective. */
#ifndef LOCKSTEP_COMM_ABORT_H
#define LOCKSTEP_COMM_ABORT_H

#include "base/status.h"
#include "base/where.h"

/* Print a failed call and end the job. */
void comm_check(int code, const char *what);
#define MPI_CHECK(call) comm_check((call), #call)
/* The same for calls that return only when other ranks have made theirs. */
#define MPI_WAIT(call) (where_wait(true), MPI_CHECK(call), where_wait(false))

/* How the messages name this rank; until then it is rank 0. */
void comm_abort_name(int rank, const char *host);

/* End the job with this exit code; status_set_abort_hook's. */
void comm_abort_job(int code);

/* From here on this process has some seconds to end, with `code`, whatever it is stuck
   in: MPI_Abort may hang, for example outside of the main thread. Nothing undoes it. */
void comm_abort_surely(enum status code);

/* The process has `seconds` to end or to call comm_deadline_clear, whatever it is stuck
   in; else it writes `text` and ends with ST_FAIL. */
void comm_deadline_set(double seconds, const char *text);
void comm_deadline_clear(void);

#endif
