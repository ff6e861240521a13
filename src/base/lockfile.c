#include "base/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/timer.h"
#include "base/where.h"

#define RETRY_MS  50
#define SETTLE_MS 1000 /* nobody is so long between reading the file and writing it */

/* What the file says, in its words. */
struct holder {
    char host[64], job[32], since[32];
    char pids[32]; /* the namespace in which pid is its pid */
    int pid;       /* 0: nobody */
    bool unproven; /* the kernel could not be asked */
};

/* Containers of one host may share its name, and yet each has pids of its own. */
static void identify(char host[64], char pids[32])
{
    host[0] = host[63] = '\0';
    gethostname(host, 63);
    ssize_t length = readlink("/proc/self/ns/pid", pids, 31);
    pids[length > 0 ? length : 0] = '\0';
}

static void read_holder(int fd, struct holder *holder)
{
    char text[512];
    *holder = (struct holder){0};
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    if (sscanf(text, "host %63s pid %d job %31s since %31[^\n] pids %31s", holder->host,
               &holder->pid, holder->job, holder->since, holder->pids) < 4)
        holder->pid = 0;
}

static enum status write_holder(const struct lockfile *lock)
{
    char host[64], pids[32], since[32], text[512];
    const char *job = getenv("SLURM_JOB_ID");
    time_t now = time(NULL);
    struct tm local;
    identify(host, pids);
    strftime(since, sizeof since, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &local));
    int size =
        snprintf(text, sizeof text, "host %s\npid %d\njob %.31s\nsince %s\npids %s\n",
                 host, (int)getpid(), job && *job ? job : "none", since, pids);
    if (ftruncate(lock->fd, 0) != 0 || pwrite(lock->fd, text, (size_t)size, 0) != size)
        FAIL(ST_FAIL, "cannot write '%s': %s", lock->path, strerror(errno));
    return ST_OK;
}

/* Its pid means here what it means there. */
static bool is_neighbour(const struct holder *holder)
{
    char host[64], pids[32];
    identify(host, pids);
    return strcmp(host, holder->host) == 0 && strcmp(pids, holder->pids) == 0;
}

/* Without the kernel's help. */
static bool believed(const struct holder *holder)
{
    const char *job = getenv("SLURM_JOB_ID");
    if (holder->pid <= 0)
        return false;
    if (is_neighbour(holder))
        return holder->pid != getpid() && (kill(holder->pid, 0) == 0 || errno == EPERM);
    return !job || strcmp(job, holder->job) != 0;
}

/* Without the kernel's help: of several who found the file free and wrote it, the last
   has it. The others leave it as it is. */
static enum status settle(struct lockfile *lock, struct holder *holder, bool *held)
{
    usleep(1000 * SETTLE_MS);
    close(lock->fd); /* NFS looks anew only at a file that is opened anew */
    lock->fd = open(lock->path, O_RDWR | O_CLOEXEC);
    if (lock->fd < 0)
        FAIL(ST_FAIL, "cannot open '%s': %s", lock->path, strerror(errno));
    read_holder(lock->fd, holder);
    holder->unproven = true;
    *held = holder->pid != getpid() || !is_neighbour(holder);
    if (!*held)
        return ST_OK;
    close(lock->fd);
    lock->fd = -1;
    return ST_OK;
}

/* One try. *held: somebody else has it. */
static enum status try_lock(struct lockfile *lock, struct holder *holder, bool *held)
{
    for (;;) {
        lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (lock->fd < 0)
            FAIL(ST_FAIL, "cannot write '%s': %s", lock->path, strerror(errno));
        bool locked = flock(lock->fd, LOCK_EX | LOCK_NB) == 0;
        *held = !locked && errno == EWOULDBLOCK;
        read_holder(lock->fd, holder);
        holder->unproven = !locked && !*held;
        if (holder->unproven)
            *held = believed(holder);
        if (*held)
            break;
        if (fs_same_file(lock->fd, lock->path)) {
            TRY(write_holder(lock));
            return holder->unproven ? settle(lock, holder, held) : ST_OK;
        }
        close(lock->fd); /* its last holder has just removed it */
    }
    close(lock->fd);
    lock->fd = -1;
    return ST_OK;
}

static enum status refuse(const struct holder *holder, const struct lockfile *lock,
                          const char *what)
{
    if (holder->pid == 0)
        FAIL(ST_USAGE, "'%s' is in use by another lockstep", what);
    FAIL(
        ST_USAGE,
        "'%s' is in use by another lockstep: host %s, pid %d, job %s, since %s; wait for "
        "it or choose another --run%s%s",
        what, holder->host, holder->pid, holder->job, holder->since,
        holder->unproven ? "; if it is dead, remove " : "",
        holder->unproven ? lock->path : "");
}

enum status lockfile_take(struct lockfile *lock, const char *path, const char *what,
                          double patience)
{
    struct holder holder;
    bool held = true, told = false;
    lock->fd = -1;
    snprintf(lock->path, sizeof lock->path, "%s", path);
    for (double begin = timer_now();;) {
        enum status st = try_lock(lock, &holder, &held);
        if (st != ST_OK)
            lockfile_release(lock);
        if (st != ST_OK || !held)
            return st;
        if (timer_now() - begin >= patience)
            return refuse(&holder, lock, what);
        if (!told)
            log_note("'%s' is in use: waiting a moment for host %s, pid %d to end", what,
                     holder.host, holder.pid);
        told = true;
        where_mark(WHERE_START); /* other ranks wait, but not for ever */
        usleep(1000 * RETRY_MS);
    }
}

enum status lockfile_keep(struct lockfile *lock, const char *what)
{
    char path[FS_PATH];
    if (lock->fd >= 0 && fs_same_file(lock->fd, lock->path))
        return ST_OK;
    if (lock->fd >= 0)
        close(lock->fd);
    memcpy(path, lock->path, sizeof path);
    return lockfile_take(lock, path, what, 0);
}

void lockfile_release(struct lockfile *lock)
{
    if (lock->fd < 0)
        return;
    if (fs_same_file(lock->fd, lock->path))
        unlink(lock->path);
    close(lock->fd);
    lock->fd = -1;
}
