#include "base/lockfile.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
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
#define SETTLE_MS 1000 /* longer than it takes to read and write the file */
#define REOPENS   20   /* after which the file is taken for the same */

/* The content of the file. */
struct lockfile_holder {
    char host[64], job[32], since[32];
    char pids[32]; /* the pid namespace of pid */
    int pid;       /* 0: no holder */
    bool unproven; /* the file system has no locks: only the file says so */
};

/* This process's host and pid namespace: containers may share the host's name, but not
   its pids. */
static void lockfile_identify(char host[64], char pids[32])
{
    host[0] = host[63] = '\0';
    gethostname(host, 63);
    ssize_t length = readlink("/proc/self/ns/pid", pids, 31);
    pids[length > 0 ? length : 0] = '\0';
}

static void lockfile_read_holder(int fd, struct lockfile_holder *holder)
{
    char text[512];
    *holder = (struct lockfile_holder){0};
    ssize_t got = pread(fd, text, sizeof text - 1, 0);
    text[got > 0 ? got : 0] = '\0';
    if (sscanf(text, "host %63s pid %d job %31s since %31[^\n] pids %31s", holder->host,
               &holder->pid, holder->job, holder->since, holder->pids) < 4)
        holder->pid = 0;
}

static enum status lockfile_write_holder(const struct lockfile *lock)
{
    char host[64], pids[32], since[32], text[512];
    const char *job = getenv("SLURM_JOB_ID");
    time_t now = time(NULL);
    struct tm local;
    lockfile_identify(host, pids);
    strftime(since, sizeof since, "%Y-%m-%d %H:%M:%S", localtime_r(&now, &local));
    int size =
        snprintf(text, sizeof text, "host %s\npid %d\njob %.31s\nsince %s\npids %s\n",
                 host, (int)getpid(), job && *job ? job : "none", since, pids);
    errno = ENOSPC; /* the reason if only a part is written */
    if (ftruncate(lock->fd, 0) != 0 || pwrite(lock->fd, text, (size_t)size, 0) != size)
        FAIL(ST_FAIL, "cannot write '%s': %s", lock->path, strerror(errno));
    return ST_OK;
}

/* Same host and pid namespace: the holder's pid is valid here. */
static bool lockfile_is_local(const struct lockfile_holder *holder)
{
    char host[64], pids[32];
    lockfile_identify(host, pids);
    return strcmp(host, holder->host) == 0 && strcmp(pids, holder->pids) == 0;
}

/* The file of this lock has its name still: the same file, or one with the same text. */
static bool lockfile_is_there(const struct lockfile *lock)
{
    struct lockfile_holder holder;
    if (fs_same_file(lock->fd, lock->path))
        return true;
    int fd = open(lock->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    lockfile_read_holder(fd, &holder);
    close(fd);
    return holder.pid == getpid() && lockfile_is_local(&holder);
}

/* Without flock: does the holder in the file count? */
static bool lockfile_counts(const struct lockfile_holder *holder)
{
    const char *job = getenv("SLURM_JOB_ID");
    if (holder->pid <= 0)
        return false;
    if (lockfile_is_local(holder))
        return holder->pid != getpid() && (kill(holder->pid, 0) == 0 || errno == EPERM);
    return !job || strcmp(job, holder->job) != 0;
}

/* Without flock: of several processes that found no holder and wrote the file, the last
   one has the lock. The others leave the file as it is. */
static enum status lockfile_settle(struct lockfile *lock, struct lockfile_holder *holder,
                                   bool *held)
{
    usleep(1000 * SETTLE_MS);
    close(lock->fd); /* NFS revalidates a file when it is opened */
    lock->fd = open(lock->path, O_RDWR | O_CLOEXEC);
    if (lock->fd < 0)
        FAIL(ST_FAIL, "cannot open '%s': %s", lock->path, strerror(errno));
    lockfile_read_holder(lock->fd, holder);
    holder->unproven = true;
    *held = holder->pid != getpid() || !lockfile_is_local(holder);
    if (!*held)
        return ST_OK;
    close(lock->fd);
    lock->fd = -1;
    return ST_OK;
}

/* One attempt. *held: another process has the lock. Where a file has another number
   each time it is looked at, the system cannot know by it who has locked the same
   file. */
static enum status lockfile_try(struct lockfile *lock, struct lockfile_holder *holder,
                                bool *held)
{
    for (int tries = 0;; tries++) {
        lock->fd = open(lock->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (lock->fd < 0)
            FAIL(ST_FAIL, "cannot write '%s': %s", lock->path, strerror(errno));
        bool locked = flock(lock->fd, LOCK_EX | LOCK_NB) == 0;
        *held = !locked && errno == EWOULDBLOCK;
        lockfile_read_holder(lock->fd, holder);
        holder->unproven = (!locked && !*held) || tries == REOPENS;
        if (holder->unproven)
            *held = lockfile_counts(holder);
        if (*held)
            break;
        if (fs_same_file(lock->fd, lock->path) || tries == REOPENS) {
            TRY(lockfile_write_holder(lock));
            return holder->unproven ? lockfile_settle(lock, holder, held) : ST_OK;
        }
        close(lock->fd); /* its last holder has just removed it */
    }
    close(lock->fd);
    lock->fd = -1;
    return ST_OK;
}

static enum status lockfile_refuse(const struct lockfile_holder *holder,
                                   const struct lockfile *lock, const char *what)
{
    if (holder->pid == 0)
        FAIL(ST_USAGE, "'%s' is in use by another lockstep", what);
    FAIL(
        ST_USAGE,
        "'%s' is in use by another lockstep: host %s, pid %d, job %s, since %s; wait for "
        "it, or choose another one%s%s%s",
        what, holder->host, holder->pid, holder->job, holder->since,
        holder->unproven ? "; if it is dead, remove '" : "",
        holder->unproven ? lock->path : "", holder->unproven ? "'" : "");
}

static void lockfile_note_lack(const struct lockfile *lock)
{
    static atomic_flag noted = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&noted))
        log_note("there are no locks for '%s': another run in the same folder is noticed "
                 "by this file's text only, and not always",
                 lock->path);
}

enum status lockfile_take(struct lockfile *lock, const char *path, const char *what,
                          double patience)
{
    struct lockfile_holder holder;
    bool held = true, noted = false;
    lock->fd = -1;
    snprintf(lock->path, sizeof lock->path, "%s", path);
    for (double begin = timer_now();;) {
        enum status st = lockfile_try(lock, &holder, &held);
        if (st != ST_OK)
            lockfile_release(lock);
        if (st == ST_OK && !held && holder.unproven)
            lockfile_note_lack(lock);
        if (st != ST_OK || !held)
            return st;
        if (timer_now() - begin >= patience)
            return lockfile_refuse(&holder, lock, what);
        if (!noted)
            log_note("'%s' is in use: waiting for pid %d on host %s to end", what,
                     holder.pid, holder.host);
        noted = true;
        where_mark(WHERE_START); /* shows the waiting ranks that this one advances */
        usleep(1000 * RETRY_MS);
    }
}

enum status lockfile_keep(struct lockfile *lock, const char *what)
{
    char path[FS_PATH];
    if (lock->fd >= 0 && lockfile_is_there(lock))
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
    if (lockfile_is_there(lock))
        unlink(lock->path);
    close(lock->fd);
    lock->fd = -1;
}
