/*
 * run_folder: where a run keeps checkpoints, metrics.h5 and log.txt: taken for one
 * process at a time, and gone on from.
 */
#ifndef LOCKSTEP_APP_RUN_RUN_FOLDER_H
#define LOCKSTEP_APP_RUN_RUN_FOLDER_H

#include <stdbool.h>

#include "app/config/config.h"
#include "base/fs.h"
#include "base/lockfile.h"
#include "base/status.h"

struct comm;
struct dataset;
struct trainer;

struct run_folder {
    char path[FS_PATH];
    bool found;           /* it held a run before */
    struct lockfile lock; /* rank 0's */
};

/* "configs/letters.conf" runs in "runs/letters" unless `asked` says otherwise. No rank
   has opened it yet. */
enum status run_folder_init(struct run_folder *folder, const char *asked,
                            const char *config) MUST_CHECK;

/* On rank 0 alone: made if need be, locked, its log opened for appending; refused
   (ST_USAGE) if it holds a run and `resume` is false, or if another process uses it.
   Nothing is touched when refused. */
enum status run_folder_open(struct run_folder *folder, bool resume) MUST_CHECK;
void run_folder_close(struct run_folder *folder); /* not open: nothing */

/* Collective: go on from the newest checkpoint that can be used, if there is one.
   ST_FAIL: there is none, but one that the system does not give out (an I/O error, say).
   ST_USAGE: it is of another run (network, data, seed, ...), the difference named. */
enum status run_folder_resume(const struct run_folder *folder, struct comm *comm,
                              const struct config *config, const struct dataset *dataset,
                              struct trainer *trainer, bool *resumed) MUST_CHECK;

#endif
