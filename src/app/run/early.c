#include "app/run/early.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/status.h"
#include "base/timer.h"

#define EARLY_SECONDS     10 /* CPU time of all threads; loading takes about 0.1 s */
#define EARLY_STACK       ((size_t)8 << 20)   /* the most that is asked for */
#define EARLY_STACK_LEAST ((size_t)512 << 10) /* training takes a third of it */
#define EARLY_FILES       65536  /* at once; a hard limit may be without bound */
#define EARLY_SPIN        100e-6 /* seconds */
#define EARLY_TURNS       200    /* of the loop that is timed */
#define EARLY_HIDDEN      '\1'   /* in place of the first letter of a name */

_Noreturn static void early_exit(const char *text)
{
    ssize_t written = write(STDERR_FILENO, text, strlen(text));
    _exit(written < 0 ? ST_FAIL : ST_USAGE);
}

/* --- standard input, output and error --- */

/* A file that is opened later would become the standard output, and what is printed would
   be written into it. Each is opened the wrong way: its use fails, as it should. */
static void early_open_standard(void)
{
    const int flags[] = {O_WRONLY, O_RDONLY, O_RDONLY};
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", flags[fd]) != fd)
            return;
}

/* --- memory --- */

static void early_out_of_memory(int signal)
{
    (void)signal;
    early_exit("lockstep: OpenBLAS cannot allocate the memory that it starts with, 128 "
               "MiB for each CPU; raise the limit (ulimit -d, ulimit -v), or set "
               "OMP_NUM_THREADS=1\n");
}

static void early_watch_memory(void)
{
    const struct itimerval timer = {.it_value.tv_sec = EARLY_SECONDS};
    signal(SIGPROF, early_out_of_memory);
    setitimer(ITIMER_PROF, &timer, NULL);
}

/* A profiler may have taken over the signal and the timer since: leave them to it. */
static void early_watch_memory_no_more(void)
{
    const struct itimerval never = {0};
    struct sigaction now;
    if (sigaction(SIGPROF, NULL, &now) != 0 || now.sa_handler != early_out_of_memory)
        return;
    setitimer(ITIMER_PROF, &never, NULL);
    signal(SIGPROF, SIG_DFL);
}

/* --- stacks --- */

/* The stack of the main thread grows up to the soft limit of the moment; that of other
   threads was decided by the limit at the start, unlimited meaning 2 MiB. */
static void early_set_stacks(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_STACK, &limit) != 0)
        return;
    if (limit.rlim_max < EARLY_STACK_LEAST)
        early_exit("lockstep: the hard limit of the stack is below 512 KiB, too little "
                   "to start; raise it (ulimit -H -s 8192)\n");
    rlim_t most = limit.rlim_max < EARLY_STACK ? limit.rlim_max : EARLY_STACK;
    if (limit.rlim_cur < most) {
        limit.rlim_cur = most;
        setrlimit(RLIMIT_STACK, &limit);
    }
    size_t bytes = EARLY_STACK;
    pthread_attr_t attr;
    if (pthread_getattr_default_np(&attr) != 0)
        return;
    pthread_attr_getstacksize(&attr, &bytes);
    if ((bytes < EARLY_STACK_LEAST || bytes > EARLY_STACK) &&
        pthread_attr_setstacksize(&attr, EARLY_STACK) == 0)
        pthread_setattr_default_np(&attr);
    pthread_attr_destroy(&attr);
}

/* --- open files --- */

/* A rank has a connection to each rank of other hosts that it speaks with. */
static void early_allow_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    rlim_t most = limit.rlim_max < EARLY_FILES ? limit.rlim_max : EARLY_FILES;
    if (limit.rlim_cur < most) {
        limit.rlim_cur = most;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* --- what OpenMP reads --- */

static char **early_environment;
static char early_spin[48]; /* an entry of it */
static char *early_entry;   /* what was there instead */

static bool early_begins(const char *entry, const char *const *names)
{
    for (; *names; names++)
        if (strncmp(entry, *names, strlen(*names)) == 0)
            return true;
    return false;
}

static bool early_any(const char *const *names)
{
    for (char **entry = early_environment; *entry; entry++)
        if (early_begins(*entry, names))
            return true;
    return false;
}

/* The program decides about the rest: how many threads there are and where they run. */
static void early_hide(void)
{
    static const char *const openmp[] = {"OMP_", "GOMP_", NULL};
    static const char *const count[] = {"OMP_NUM_THREADS=", NULL};
    enum { COUNT_NAME = sizeof "OMP_NUM_THREADS=" - 1 };
    static const char *const kept[] = {
        "OMP_THREAD_LIMIT=", "OMP_WAIT_POLICY=", "GOMP_SPINCOUNT=", "OMP_DISPLAY_", NULL};
    for (char **entry = early_environment; *entry; entry++) {
        bool known = early_begins(*entry, kept);
        if (early_begins(*entry, count)) /* prepare.h has a note, libgomp a complaint */
            known = (*entry)[COUNT_NAME] >= '1' && (*entry)[COUNT_NAME] <= '9';
        if (early_begins(*entry, openmp) && !known)
            **entry = EARLY_HIDDEN;
    }
}

/* One turn of the loop in which libgomp waits. */
static void early_turn(void)
{
#if defined __x86_64__ || defined __i386__
    __builtin_ia32_pause();
#else
    atomic_signal_fence(memory_order_seq_cst);
#endif
}

/* libgomp's threads spin for 300,000 turns, up to 17 ms, before they sleep. */
static void early_spin_briefly(void)
{
    static const char *const chosen[] = {"OMP_WAIT_POLICY=", "GOMP_SPINCOUNT=", NULL};
    static const char *const spare[] = {
        "_=", "SHLVL=", "OLDPWD=", "PWD=", "TERM=", "USER=", "LOGNAME=", "HOME=", NULL};
    const char hidden[] = {EARLY_HIDDEN, '\0'};
    const char *const free_entry[] = {hidden, NULL};
    if (early_any(chosen))
        return;
    double begin = timer_now();
    for (int i = 0; i < EARLY_TURNS; i++)
        early_turn();
    double turn = (timer_now() - begin) / EARLY_TURNS;
    snprintf(early_spin, sizeof early_spin, "GOMP_SPINCOUNT=%d",
             turn > EARLY_SPIN ? 1 : (int)(EARLY_SPIN / (turn + 1e-10)));
    for (char **entry = early_environment; *entry; entry++) {
        if (!early_begins(*entry, free_entry) && !early_begins(*entry, spare))
            continue;
        early_entry = *entry;
        *entry = early_spin;
        return;
    }
    /* Else the environment is empty, or has no entry to put it in place of. */
}

/* A library that has set a variable meanwhile has made `environ` a new array, of the same
   texts. */
static void early_show(void)
{
    for (char **entry = environ; entry && *entry; entry++) {
        if (*entry == early_spin)
            *entry = early_entry;
        if (**entry == EARLY_HIDDEN)
            **entry = (*entry)[1] == 'M' ? 'O' : 'G';
    }
}

/* --- in order --- */

static void early_begin(int argc, char **argv, char **environment)
{
    (void)argc;
    (void)argv;
    early_environment = environment;
    early_open_standard();
    early_watch_memory();
    early_set_stacks();
    early_allow_files();
    early_hide();
    early_spin_briefly();
}

/* The loader runs this before the constructors of the libraries. */
__attribute__((section(".preinit_array"),
               used)) static void (*const early_run)(int, char **, char **) = early_begin;

void early_done(void)
{
    early_watch_memory_no_more();
    early_show();
}
