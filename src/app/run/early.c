#include "app/run/early.h"

#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/status.h"

#define EARLY_SECONDS 10 /* CPU time of all threads; loading takes about 0.1 s */

static void early_exit(int signal)
{
    static const char text[] =
        "lockstep: OpenBLAS cannot allocate the memory that it starts with, 128 MiB "
        "for each CPU; raise the limit (ulimit -d, ulimit -v), or set "
        "OMP_NUM_THREADS=1\n";
    (void)signal;
    ssize_t written = write(STDERR_FILENO, text, sizeof text - 1);
    _exit(written < 0 ? ST_FAIL : ST_USAGE);
}

/* A file that is opened later would become the standard output, and what is printed would
   be written into it. Each is opened the wrong way: its use fails, as it should. */
static void early_open_standard(void)
{
    const int flags[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) != fd)
            return;
}

static void early_begin(void)
{
    early_open_standard();
    const struct itimerval timer = {.it_value.tv_sec = EARLY_SECONDS};
    signal(SIGPROF, early_exit);
    setitimer(ITIMER_PROF, &timer, NULL);
}

/* The loader runs this before the constructors of the libraries. */
__attribute__((section(".preinit_array"),
               used)) static void (*const early_entry)(void) = early_begin;

/* A profiler may have taken over the signal and the timer since: leave them to it. */
void early_done(void)
{
    const struct itimerval never = {0};
    struct sigaction now;
    if (sigaction(SIGPROF, NULL, &now) != 0 || now.sa_handler != early_exit)
        return;
    setitimer(ITIMER_PROF, &never, NULL);
    signal(SIGPROF, SIG_DFL);
}
