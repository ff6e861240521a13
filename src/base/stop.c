#include "base/stop.h"

#include <signal.h>
#include <unistd.h>

#define EXIT_INTERRUPTED 130 /* the exit code of shells for a process ended by INT */

static volatile sig_atomic_t requested, interrupts;

static void stop_on_signal(int number)
{
    requested = 1;
    if (number == SIGINT && interrupts++ > 0)
        _exit(EXIT_INTERRUPTED);
}

static const int stop_signals[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
enum { SIGNALS = sizeof stop_signals / sizeof stop_signals[0] };

static sigset_t stop_signal_set(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < SIGNALS; i++)
        sigaddset(&set, stop_signals[i]);
    return set;
}

void stop_defer(void)
{
    sigset_t set = stop_signal_set();
    sigprocmask(SIG_BLOCK, &set, NULL);
}

void stop_deliver(void)
{
    sigset_t set = stop_signal_set();
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void stop_install(void)
{
    struct sigaction action = {.sa_handler = stop_on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    requested = interrupts = 0;
    for (int i = 0; i < SIGNALS; i++)
        sigaction(stop_signals[i], &action, NULL);
    stop_deliver();
}

bool stop_requested(void)
{
    return requested != 0;
}
