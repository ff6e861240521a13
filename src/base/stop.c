#include "base/stop.h"

#include <signal.h>
#include <stddef.h>
#include <sys/resource.h>
#include <unistd.h>

#define STOP_CPU_SPARE   60  /* seconds of CPU time before the hard limit, at most ... */
#define STOP_CPU_PART    5   /* ... and this part of the limit */
#define EXIT_INTERRUPTED 130 /* the exit code of shells for a process ended by INT */

/* In what way is a signal treated that this process was started to ignore? */
enum stop_ignored {
    STOP_TAKEN, /* scripts ignore it for themselves, and their children inherit that */
    STOP_KEPT,  /* somebody wants the process to survive it: nohup ignores HUP */
};

static const struct stop_signal {
    int number;
    enum stop_ignored ignored;
} stop_signals[] = {
    {SIGINT, STOP_TAKEN},  {SIGTERM, STOP_TAKEN}, {SIGUSR1, STOP_TAKEN},
    {SIGUSR2, STOP_TAKEN}, {SIGXCPU, STOP_TAKEN}, {SIGHUP, STOP_KEPT},
    {SIGQUIT, STOP_KEPT},  {SIGALRM, STOP_KEPT},  {SIGVTALRM, STOP_KEPT},
    {SIGPWR, STOP_KEPT},
};
enum { SIGNALS = sizeof stop_signals / sizeof stop_signals[0] };

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
    for (int i = 0; i < SIGNALS; i++)
        sigaddset(&set, stop_signals[i].number);
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

static bool stop_is_ignored(int number)
{
    struct sigaction now;
    return sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN;
}

void stop_install(void)
{
    struct sigaction action = {.sa_handler = stop_on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    requested = interrupts = quits = 0;
    for (int i = 0; i < SIGNALS; i++) {
        const struct stop_signal *s = &stop_signals[i];
        if (s->ignored == STOP_TAKEN || !stop_is_ignored(s->number))
            sigaction(s->number, &action, NULL);
    }
    signal(SIGPIPE, SIG_IGN);
    stop_before_killed();
    stop_deliver();
}

void stop_ignore(void)
{
    for (int i = 0; i < SIGNALS; i++)
        signal(stop_signals[i].number, SIG_IGN);
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
