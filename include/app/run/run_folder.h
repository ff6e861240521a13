/*
 * run_folder: the folder of a run (app/run/run_files.h). One process at a time may use
 * it; a run can be resumed from it.
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
    char base[FS_PATH];   /* of --run auto: the name without a number; "": not asked */
    bool found;           /* it held a run when it was opened */
    struct lockfile lock; /* held by rank 0 */
};

/* What `asked` is for a folder that is chosen (app/run/run_auto.h). */
#define RUN_AUTO "auto"

/* Collective. Sets the path: `asked`, or if that is NULL runs/NAME for the config
   .../NAME.conf, but RUN for the config RUN/config.conf of a run; with RUN_AUTO the next
   of these with a number, or to resume the newest. Touches no file. */
enum status run_folder_init(struct run_folder *folder, struct comm *comm,
                            const char *asked, const char *config,
                            bool resume) MUST_CHECK;

/* Rank 0 only: does it hold a run? */
bool run_folder_has_run(const struct run_folder *folder);

/* Rank 0 only. With RUN_AUTO and a new run the path may change, if another job has just
   taken it. Creates the folder if needed, locks it and opens its log for appending.
   ST_USAGE, with nothing touched, if it holds a run and `resume` is false, if another
   process uses it, or if the run would write over an input or another's file. */
enum status run_folder_open(struct run_folder *folder, bool resume,
                            const char *const *input, int inputs) MUST_CHECK;
void run_folder_close(struct run_folder *folder); /* not opened: does nothing */

/* Rank 0 only. Takes the lock of the run that the checkpoint belongs to, so that no
   training writes to it; *lock is not held if it is in no run's folder. ST_USAGE if the
   run is under way. The caller releases it with lockfile_release. */
enum status run_folder_guard(struct lockfile *lock, const char *checkpoint) MUST_CHECK;

/* Rank 0 only. Writes the config of the run, as text, into the folder, in place of an
   earlier one. A note if it cannot: checkpoints have it, too. */
void run_folder_save_config(const struct run_folder *folder, const char *text,
                            const char *version);

/* Collective. Restores the newest checkpoint that can be used; *resumed is false if there
   is none. ST_FAIL if none can be used and the system cannot read one of them (an I/O
   error, say). ST_USAGE, with the difference, if it belongs to another run (network,
   data, seed,
   ...). */
enum status run_folder_resume(const struct run_folder *folder, struct comm *comm,
                              const struct config *config, const struct dataset *dataset,
                              struct trainer *trainer, bool *resumed) MUST_CHECK;

#endif
