/*
 * lockfile: mutual exclusion of processes on the nodes that share a file system.
 *
 * The lock is the kernel's (flock): it ends with its process, in whatever way that ends.
 * The file names the holder and is removed when the holder releases it. On a file system
 * without locks, which is noted once, the file's content decides:
 *   - a holder on this host (and in the same container) counts as long as its pid exists;
 *   - a holder of the same SLURM job is an earlier run of this job and does not count;
 *   - any other holder counts;
 *   - of several processes that write the file at once, the last one has the lock.
 */
#ifndef LOCKSTEP_BASE_LOCKFILE_H
#define LOCKSTEP_BASE_LOCKFILE_H

#include "base/fs.h"
#include "base/status.h"

struct lockfile {
    char path[FS_PATH];
    int fd; /* -1: not held */
};

/* Waits up to `patience` seconds. If the lock is still held then: ST_USAGE, with a
   message that names the holder and `what` it uses. ST_FAIL if the file cannot be
   written. */
enum status lockfile_take(struct lockfile *lock, const char *path, const char *what,
                          double patience) MUST_CHECK;

/* Takes the lock again if the file was removed or moved away with its folder. The folder
   of the path must exist. */
enum status lockfile_keep(struct lockfile *lock, const char *what) MUST_CHECK;

void lockfile_release(struct lockfile *lock); /* does nothing if not held */

#endif
