/*
 * lockfile: one process at a time, across the nodes that share a file system.
 *
 * The lock is the kernel's (flock), so it is gone with its process, however that ended;
 * the file says who holds it, and is removed when the holder ends in order. Where a file
 * system has no locks, what the file says decides: a holder on this host (and not in
 * another container of it) counts while its pid lives, one of the same SLURM job is this
 * job's own past, any other is believed; and of several who come at once the last to
 * write it has it.
 */
#ifndef LOCKSTEP_BASE_LOCKFILE_H
#define LOCKSTEP_BASE_LOCKFILE_H

#include "base/fs.h"
#include "base/status.h"

struct lockfile {
    char path[FS_PATH];
    int fd; /* -1: not held */
};

/* ST_USAGE, naming the holder and `what` it uses, if it is still held after `patience`
   seconds; ST_FAIL if the file cannot be made. */
enum status lockfile_take(struct lockfile *lock, const char *path, const char *what,
                          double patience) MUST_CHECK;

/* The file may have been removed or moved away with its folder: then take the lock anew
   at the same path, whose folder must be there. */
enum status lockfile_keep(struct lockfile *lock, const char *what) MUST_CHECK;

void lockfile_release(struct lockfile *lock); /* not held: nothing */

#endif
