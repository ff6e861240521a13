#include "app/run/stall.h"

#include <math.h>

#include "comm/comm.h"
#include "comm/watch.h"

#define STALL_TIMEOUT_MAX 604800 /* seconds: a week */
#define STALL_WARNING     60.0   /* seconds without progress; at most half the timeout */

enum status stall_watch(struct comm *comm, long long seconds)
{
    if (seconds > STALL_TIMEOUT_MAX)
        FAIL(ST_USAGE, "'--stall-timeout %lld' is too long: at most %d seconds, a week",
             seconds, STALL_TIMEOUT_MAX);
    double timeout = (double)seconds;
    if (timeout > 0)
        comm_watch_start(comm, fmin(timeout / 2, STALL_WARNING), timeout);
    return ST_OK;
}
