#include "abort.h"

#include <math.h>
#include <mpi.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "comm/stall.h"

#define ABORT_SECONDS 5 /* in which MPI_Abort must have ended this process */

static int abort_rank;
static char abort_host[64];
static char deadline_text[STALL_TEXT];
static struct sigaction deadline_before; /* of ALRM, while there is no deadline */
static atomic_int abort_code = ST_OK;    /* otherwise the process is ending */

/* --- deadlines --- */

static void deadline_reached(int number)
{
    (void)number;
    log_write(deadline_text);
    _exit(abort_code == ST_OK ? ST_FAIL : abort_code);
}

static void deadline_start(double seconds)
{
    const struct sigaction action = {.sa_handler = deadline_reached};
    struct sigaction before;
    sigaction(SIGALRM, &action, &before);
    if (before.sa_handler != deadline_reached)
        deadline_before = before;
    alarm((unsigned)ceil(seconds));
}

void comm_deadline_set(double seconds, const char *text)
{
    if (abort_code != ST_OK)
        return;
    snprintf(deadline_text, sizeof deadline_text, "%s", text);
    deadline_start(seconds);
}

void comm_deadline_clear(void)
{
    if (abort_code != ST_OK)
        return;
    alarm(0);
    sigaction(SIGALRM, &deadline_before, NULL);
}

/* --- the end of the job --- */

void comm_abort_surely(enum status code)
{
    sigset_t alarms;
    int none = ST_OK;
    if (!atomic_compare_exchange_strong(&abort_code, &none, (int)code))
        return; /* it is ending already */
    deadline_text[0] = '\0';
    deadline_start(ABORT_SECONDS);
    sigemptyset(&alarms);
    sigaddset(&alarms, SIGALRM); /* the main thread may be where no signal reaches it */
    pthread_sigmask(SIG_UNBLOCK, &alarms, NULL);
}

void comm_abort_job(int code)
{
    comm_abort_surely((enum status)code);
    MPI_Abort(MPI_COMM_WORLD, code);
}

void comm_abort_name(int rank, const char *host)
{
    abort_rank = rank;
    snprintf(abort_host, sizeof abort_host, "%s", host);
}

void comm_check(int code, const char *what)
{
    if (code == MPI_SUCCESS)
        return;
    char text[MPI_MAX_ERROR_STRING] = "";
    int length;
    MPI_Error_string(code, text, &length);
    fprintf(stderr, "[rank %d %s] %s failed: %s\n", abort_rank, abort_host, what, text);
    comm_abort_job(ST_FAIL);
    abort();
}
