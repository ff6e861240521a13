#include "base/stop.h"

#include <signal.h>
#include <unistd.h>

#define EXIT_INTERRUPTED 130 /* what shells call an end by INT */

static volatile sig_atomic_t requested, interrupts;

static void on_signal(int number)
{
    requested = 1;
    if (number == SIGINT && interrupts++ > 0)
        _exit(EXIT_INTERRUPTED);
}

static const int asking[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
enum { ASKING = sizeof asking / sizeof asking[0] };

static sigset_t all_asking(void)
{
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < ASKING; i++)
        sigaddset(&set, asking[i]);
    return set;
}

void stop_defer(void)
{
    sigset_t set = all_asking();
    sigprocmask(SIG_BLOCK, &set, NULL);
}

void stop_deliver(void)
{
    sigset_t set = all_asking();
    sigprocmask(SIG_UNBLOCK, &set, NULL);
}

void stop_install(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    requested = interrupts = 0;
    for (int i = 0; i < ASKING; i++)
        sigaction(asking[i], &action, NULL);
    stop_deliver();
}

bool stop_requested(void)
{
    return requested != 0;
}
