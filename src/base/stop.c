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

void stop_install(void)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
}

bool stop_requested(void)
{
    return requested != 0;
}
