#include "app/run/early.h"

#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/status.h"

#define PATIENCE 10 /* seconds of CPU time, all threads; loading takes a tenth of one */

static void give_up(int signal)
{
    static const char text[] =
        "lockstep: OpenBLAS does not get the memory that it starts with, 128 MiB "
        "for each CPU; raise the limit (ulimit -d, ulimit -v), or set "
        "OMP_NUM_THREADS=1\n";
    (void)signal;
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    _exit(written < 0 ? ST_FAIL : ST_USAGE);
}

static void early_begin(void)
{
    const struct itimerval timer = {.it_value.tv_sec = PATIENCE};
    signal(SIGPROF, give_up);
    setitimer(ITIMER_PROF, &timer, NULL);
}

/* Run by the loader before any library's own beginnings. */
__attribute__((section(".preinit_array"),
               used)) static void (*const begin)(void) = early_begin;

/* A profiler that was loaded since has taken both over. */
void early_done(void)
{
    const struct itimerval never = {0};
    struct sigaction now;
    if (sigaction(SIGPROF, NULL, &now) != 0 || now.sa_handler != give_up)
        return;
    setitimer(ITIMER_PROF, &never, NULL);
    signal(SIGPROF, SIG_DFL);
}
