#include "base/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "base/status.h"
#include "base/trace.h"

void thread_start(pthread_t *thread, void *(*body)(void *context), void *context)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* the new thread inherits it */
    int error = pthread_create(thread, NULL, body, context);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error) {
        log_error("cannot start a thread: %s%s", strerror(error),
                  error == EAGAIN ? "; raise the limit of processes (ulimit -u, or "
                                    "pids.max of a container)"
                                  : "");
        status_abort(ST_FAIL);
    }
}

size_t thread_stack_bytes(void)
{
    pthread_attr_t attr;
    size_t bytes = 0;
    pthread_attr_init(&attr);
    pthread_attr_getstacksize(&attr, &bytes);
    pthread_attr_destroy(&attr);
    return bytes;
}

void thread_name(const char *name)
{
    pthread_setname_np(pthread_self(), name);
    trace_lane(name, -1);
}

/* Where this is not permitted, the thread competes with the others: slower, not wrong. */
void thread_run_idle(void)
{
    const struct sched_param none = {0};
    sched_setscheduler(0, SCHED_IDLE, &none);
}
