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
#include "base/stop.h"
#include "h5_impl.h"

/* Limits of the child process: SECONDS plus the time to read the file at SPEED, a tenth
   of the usual speed; HEADROOM plus COPIES times the file's size, of which reading needs
   at most six. */
#define SPEED          100000000u /* bytes per second */
#define SECONDS        2u
#define COPIES         16u
#define HEADROOM       ((size_t)1 << 30)
#define PROBE_VARIABLE "LOCKSTEP_PROBE" /* set in the child: the file's size in bytes */
#define TOO_LARGE      4                /* exit code: over the limit of memory */
#define KNOWN          16               /* probed files that are remembered */

/* --- the child process --- */

static size_t memory_allowed; /* bytes */

/* Runs at exit. An RLIMIT would change the path that HDF5 takes; so it may allocate as
   without one, and the peak, untouched memory included, is judged at the end. */
static void child_check_memory(void)
{
    if (mem_status("VmPeak") > memory_allowed)
        _exit(TOO_LARGE);
}

/* If memory runs out, the kernel is to kill this process first. */
static void child_prefer_oom_kill(void)
{
    FILE *file = fopen("/proc/self/oom_score_adj", "w");
    if (!file)
        return;
    fputs("1000", file);
    fclose(file);
}

/* Ctrl-C, for example, goes to all processes of a terminal: the end of this process must
   say something about the file alone. */
static void child_set_limits(const char *size)
{
    stop_ignore();
    signal(SIGXCPU, SIG_DFL); /* ends it a second before SIGKILL: see probe_judge */
    unsigned long long bytes = strtoull(size, NULL, 10),
                       seconds = SECONDS + bytes / SPEED;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    setrlimit(RLIMIT_CPU, &(struct rlimit){seconds, seconds + 1});
    child_prefer_oom_kill();
    memory_allowed = mem_status("VmSize") + HEADROOM + COPIES * bytes;
    atexit(child_check_memory);
}

/* --- the parent process --- */

static char *command; /* NULL: files are not probed by this process */
static bool guarded;  /* files are probed by some process before they are read here */

static struct probe_identity {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
} known[KNOWN];
static int known_next;

void h5probe_start(const char *name)
{
    const char *size = getenv(PROBE_VARIABLE);
    guarded = true;
    if (size)
        child_set_limits(size);
    else if (name)
        command = mem_strdup(name);
}

bool h5_is_probe(void)
{
    return memory_allowed > 0;
}

bool h5_guarded(void)
{
    return guarded;
}

/* Sets all bytes, also the padding: identities are compared with memcmp. */
static void probe_identify(struct probe_identity *identity, const struct stat *s)
{
    memset(identity, 0, sizeof *identity);
    identity->device = s->st_dev;
    identity->inode = s->st_ino;
    identity->size = s->st_size;
    identity->modified = s->st_mtim;
    identity->changed = s->st_ctim;
}

static bool probe_is_known(const struct probe_identity *identity)
{
    for (int i = 0; i < KNOWN; i++)
        if (memcmp(&known[i], identity, sizeof *identity) == 0)
            return true;
    return false;
}

/* The child's environment: this process's, and PROBE_VARIABLE. The caller frees both. */
static char **probe_environment(const struct stat *s, char **variable)
{
    size_t count = 0;
    while (environ[count])
        count++;
    char **all = mem_zeroed(count + 2, sizeof *all);
    memcpy(all, environ, count * sizeof *all);
    all[count] = *variable =
        mem_format(PROBE_VARIABLE "=%llu", (unsigned long long)s->st_size);
    return all;
}

static int probe_spawn(pid_t *pid, const char *path, char **environment)
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

/* Returns the child's wait status, or -1 with errno. */
static int probe_run(const char *path, const struct stat *s)
{
    pid_t pid;
    int ended = -1;
    char *variable, **environment = probe_environment(s, &variable);
    int error = probe_spawn(&pid, path, environment);
    free(variable);
    free(environment);
    while (error == 0 && waitpid(pid, &ended, 0) != pid)
        error = errno == EINTR ? 0 : errno;
    errno = error;
    return error ? -1 : ended;
}

/* A SIGKILL comes most likely from the kernel, which kills the child first when memory is
   short, and says nothing about the file. Taking the file for damaged would make a run
   continue from an older checkpoint or from none; so the job ends, as when memory runs
   out. */
static _Noreturn void probe_abort(const char *path)
{
    log_set_replicated(false);
    log_error(
        "'%s' could not be probed: the process that reads it for a test was killed, "
        "probably because memory is short; nothing was changed: try again with "
        "more memory",
        path);
    status_abort(ST_FAIL);
}

/* An ordinary failure counts as ST_OK here: this process will read the file, fail in the
   same way and report why. */
static enum status probe_judge(const char *path, int ended)
{
    if (WIFSIGNALED(ended) && WTERMSIG(ended) == SIGKILL)
        probe_abort(path);
    if (WIFSIGNALED(ended))
        FAIL(ST_FAIL,
             "'%s' is damaged or malicious: a process that tried to read it ended with "
             "'%s'",
             path, strsignal(WTERMSIG(ended)));
    if (WEXITSTATUS(ended) == TOO_LARGE)
        FAIL(ST_FAIL,
             "'%s' is damaged or malicious: reading it takes far more memory than its "
             "size",
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
    struct probe_identity identity;
    if (!command || stat(path, &s) != 0)
        return ST_OK;
    probe_identify(&identity, &s);
    if (probe_is_known(&identity))
        return ST_OK;
    int ended = probe_run(path, &s);
    guarded = ended != -1;
    if (!guarded)
        log_note("'%s' is read without a probe: cannot start a process for it: %s", path,
                 strerror(errno));
    else
        TRY(probe_judge(path, ended));
    known[known_next] = identity;
    known_next = (known_next + 1) % KNOWN;
    return ST_OK;
}
