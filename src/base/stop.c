#include "base/stop.h"

#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

#define STOP_CPU_SPARE   60  /* seconds of CPU time before the hard limit, at most ... */
#define STOP_CPU_PART    5   /* ... and this part of the limit */
#define EXIT_INTERRUPTED 130 /* the exit code of shells for a process ended by INT */

/* What becomes of a signal. */
enum stop_way {
    STOP_NOT,   /* it keeps its meaning */
    STOP_TAKEN, /* also if the process was started to ignore it: scripts ignore it for
                   themselves, and their children inherit that */
    STOP_KEPT,  /* ignored it stays so: nohup ignores HUP */
    STOP_FREE,  /* taken if it has its default meaning, which is to end the process:
                   profilers and libraries use it; never blocked */
};

/* `make lint` compares this list with those of launch.sh and supervise.sh. */
static const enum stop_way stop_ways[] = {
    [SIGINT] = STOP_TAKEN,  [SIGTERM] = STOP_TAKEN,  [SIGUSR1] = STOP_TAKEN,
    [SIGUSR2] = STOP_TAKEN, [SIGXCPU] = STOP_TAKEN,  [SIGHUP] = STOP_KEPT,
    [SIGQUIT] = STOP_KEPT,  [SIGALRM] = STOP_KEPT,   [SIGVTALRM] = STOP_KEPT,
    [SIGPWR] = STOP_KEPT,   [SIGSTKFLT] = STOP_FREE, [SIGIO] = STOP_FREE,
    [SIGPROF] = STOP_FREE,
};
enum { STOP_NAMED = sizeof stop_ways / sizeof stop_ways[0] };

static enum stop_way stop_way(int number)
{
    if (number >= SIGRTMIN)
        return STOP_FREE;
    return number < STOP_NAMED ? stop_ways[number] : STOP_NOT;
}

static volatile sig_atomic_t requested, interrupts, quits;
static struct sigaction pipe_before; /* of SIGPIPE, at the start of the process */

static void stop_on_signal(int number)
{
    requested = 1;
    if (number == SIGINT && interrupts++ > 0)
        _exit(EXIT_INTERRUPTED);
    if (number == SIGQUIT && quits++ > 0) {
        signal(SIGQUIT, SIG_DFL); /* with a memory dump, when this handler returns */
        raise(SIGQUIT);
    }
}

static sigset_t stop_signal_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (int number = 1; number <= SIGRTMAX; number++)
        if (stop_way(number) == STOP_TAKEN || stop_way(number) == STOP_KEPT)
            sigaddset(&set, number);
    return set;
}

void stop_defer(void)
{
    sigset_t set = stop_signal_set();
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGXFSZ, SIG_IGN);
    sigaction(SIGPIPE, NULL, &pipe_before);
}

void stop_deliver(void)
{
    sigset_t set = stop_signal_set();
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

/* `ulimit -t` sets both limits of CPU time, and then the system sends no XCPU before it
   kills: leave time for a checkpoint. */
static void stop_before_killed(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_CPU, &limit) != 0 || limit.rlim_max == RLIM_INFINITY)
        return;
    rlim_t spare = limit.rlim_max / STOP_CPU_PART;
    if (spare > STOP_CPU_SPARE)
        spare = STOP_CPU_SPARE;
    if (limit.rlim_cur <= limit.rlim_max - spare)
        return;
    limit.rlim_cur = limit.rlim_max - spare;
    setrlimit(RLIMIT_CPU, &limit);
}

/* May the process handle the signal? */
static bool stop_may_take(int number)
{
    struct sigaction now;
    enum stop_way way = stop_way(number);
    if (way == STOP_NOT || sigaction(number, NULL, &now) != 0)
        return false;
    bool free = now.sa_handler == SIG_DFL || now.sa_handler == stop_on_signal;
    return way == STOP_TAKEN || (way == STOP_KEPT && now.sa_handler != SIG_IGN) || free;
}

void stop_install(void)
{
    struct sigaction action = {.sa_handler = stop_on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    requested = interrupts = quits = 0;
    for (int number = 1; number <= SIGRTMAX; number++)
        if (stop_may_take(number))
            sigaction(number, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    stop_before_killed();
    stop_deliver();
}

void stop_ignore(void)
{
    for (int number = 1; number <= SIGRTMAX; number++)
        if (stop_may_take(number))
            signal(number, SIG_IGN);
}

void stop_by_pipe(void)
{
    if (pipe_before.sa_handler == SIG_IGN)
        return;
    signal(SIGPIPE, SIG_DFL);
    raise(SIGPIPE);
}

bool stop_requested(void)
{
    return requested != 0;
}
