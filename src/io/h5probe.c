#include "io/h5probe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "h5_impl.h"

#define TRIAL     "LOCKSTEP_TRIAL" /* bytes of the file, in the process that tries it */
#define FAST      100000000u       /* bytes a second: reading is ten times as fast */
#define SECONDS   2u               /* and these, whatever the size */
#define COPIES    16u              /* of a file in memory: reading takes six at most */
#define HEADROOM  ((unsigned long long)1 << 30)
#define TOO_LARGE 4  /* exit code */
#define KNOWN     16 /* files tried last that are remembered */

/* --- the process that tries --- */

static long long memory_allowed; /* kB that the process may have come to */

/* From a line of /proc/self/status; 0 where there is none. */
static long long status_kb(const char *key)
{
    char line[256];
    long long kb = 0;
    FILE *file = fopen("/proc/self/status", "r");
    if (!file)
        return 0;
    while (kb == 0 && fgets(line, sizeof line, file))
        if (strncmp(line, key, strlen(key)) == 0)
            kb = atoll(line + strlen(key));
    fclose(file);
    return kb;
}

/* A limit would only make HDF5 take another path than without it: memory is taken as it
   will be, counted also where it is not touched, and judged in the end. Should there not
   be enough of it, this is the process to go. */
static void check_memory(void)
{
    if (status_kb("VmPeak:") > memory_allowed)
        _exit(TOO_LARGE);
}

static void offer_to_die(void)
{
    FILE *file = fopen("/proc/self/oom_score_adj", "w");
    if (!file)
        return;
    fputs("1000", file);
    fclose(file);
}

/* Signals to the job, such as Ctrl-C to all processes of a terminal, are not for it: its
   end would say something of the file. */
static void start_trial(const char *size)
{
    const int others[] = {SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
    signal(SIGXCPU, SIG_DFL); /* not SIGKILL, a second later: see judge */
    unsigned long long bytes = strtoull(size, NULL, 10), seconds = SECONDS + bytes / FAST;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        signal(others[i], SIG_IGN);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_CPU, &(struct rlimit){seconds, seconds + 1});
    offer_to_die();
    memory_allowed =
        status_kb("VmSize:") + (long long)((HEADROOM + COPIES * bytes) >> 10);
    atexit(check_memory);
}

/* --- the process that wants to read --- */

static char *command; /* NULL: files are not tried here */
static bool guarded;  /* but somewhere, before they are read here */

static struct identity {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
} known[KNOWN];
static int known_next;

void h5probe_start(const char *name)
{
    const char *size = getenv(TRIAL);
    guarded = true;
    if (size)
        start_trial(size);
    else if (name)
        command = mem_strdup(name);
}

bool h5_guarded(void)
{
    return guarded;
}

/* All bytes are set, also those between the fields. */
static void identify(struct identity *identity, const struct stat *s)
{
    memset(identity, 0, sizeof *identity);
    identity->device = s->st_dev;
    identity->inode = s->st_ino;
    identity->size = s->st_size;
    identity->modified = s->st_mtim;
    identity->changed = s->st_ctim;
}

static bool is_known(const struct identity *identity)
{
    for (int i = 0; i < KNOWN; i++)
        if (memcmp(&known[i], identity, sizeof *identity) == 0)
            return true;
    return false;
}

/* The environment, and TRIAL; the caller frees both. */
static char **trial_environment(const struct stat *s, char **variable)
{
    size_t count = 0;
    while (environ[count])
        count++;
    char **all = mem_zeroed(count + 2, sizeof *all);
    memcpy(all, environ, count * sizeof *all);
    all[count] = *variable = mem_format(TRIAL "=%llu", (unsigned long long)s->st_size);
    return all;
}

static int start(pid_t *pid, const char *path, char **environment)
{
    char name[] = "lockstep", end[] = "--";
    char *words[] = {name, command, end, (char *)(uintptr_t)path, NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    sigset_t held;
    sigfillset(&held);
    sigdelset(&held, SIGXCPU);
    posix_spawn_file_actions_init(&files);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &held);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    int error =
        posix_spawn(pid, "/proc/self/exe", &files, &attributes, words, environment);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return error;
}

/* What waitpid says of the other process; or -1, with errno. */
static int try_elsewhere(const char *path, const struct stat *s)
{
    pid_t pid;
    int ended = -1;
    char *variable, **environment = trial_environment(s, &variable);
    int error = start(&pid, path, environment);
    free(variable);
    free(environment);
    while (error == 0 && waitpid(pid, &ended, 0) != pid)
        error = errno == EINTR ? 0 : errno;
    errno = error;
    return error ? -1 : ended;
}

/* Somebody's SIGKILL, most likely the kernel's, for it is the first to go when memory is
   short: that says nothing of the file. Whoever took it for damage would go on from an
   older checkpoint, or from none; so this ends the job, as memory that runs out does. */
static _Noreturn void give_up(const char *path)
{
    log_set_replicated(false);
    log_error("'%s' could not be tried: the process that was to read it was killed, as "
              "happens when memory is short; nothing was touched: try again when there "
              "is more",
              path);
    status_abort(ST_FAIL);
}

/* The usual failures are left to the one who wants to read: it says what is wrong. */
static enum status judge(const char *path, int ended)
{
    if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL)
        give_up(path);
    if (WIFSIGNALED(ended))
        FAIL(ST_FAIL,
             "'%s' is damaged or malicious: a process that tried to read it ended with "
             "'%s'",
             path, strsignal(WTERMSIG(ended)));
    if (WEXITSTATUS(ended) == TOO_LARGE)
        FAIL(ST_FAIL,
             "'%s' is damaged or malicious: reading it takes far more memory than it has "
             "bytes",
             path);
    if (WEXITSTATUS(ended) > ST_USAGE) /* a bug, or a sanitizer's report */
        FAIL(ST_FAIL,
             "'%s' is damaged or malicious: a process that tried to read it ended with "
             "exit code %d",
             path, WEXITSTATUS(ended));
    return ST_OK;
}

enum status h5_probe(const char *path)
{
    struct stat s;
    struct identity identity;
    if (!command || stat(path, &s) != 0)
        return ST_OK;
    identify(&identity, &s);
    if (is_known(&identity))
        return ST_OK;
    int ended = try_elsewhere(path, &s);
    guarded = ended != -1;
    if (!guarded)
        log_note("'%s' is read untried: no process could be started for it: %s", path,
                 strerror(errno));
    else
        TRY(judge(path, ended));
    known[known_next] = identity;
    known_next = (known_next + 1) % KNOWN;
    return ST_OK;
}
