/*
 * run_files: the files that a run writes into its folder, and what must not happen to
 * others of the same names.
 */
#ifndef LOCKSTEP_APP_RUN_RUN_FILES_H
#define LOCKSTEP_APP_RUN_RUN_FILES_H

#include <stdbool.h>

#include "base/status.h"
#include "train/checkpoint.h"

#define RUN_LOCK        "lock"
#define RUN_LOG         "log.txt"
#define RUN_CONFIG      "config.conf"
#define RUN_METRICS     "metrics.h5"
#define RUN_TABLE       "metrics.csv"
#define RUN_CHECKPOINTS CHECKPOINT_FOLDER
#define RUN_LAST        CHECKPOINT_LAST /* a link; a file of this name stays as it is */
#define RUN_EVENTS      "tensorboard"   /* a folder of files that are never replaced */

/* ST_USAGE if a file that a run in `folder`, which need not exist, would replace, extend
   or remove is one of the inputs (NULL ones are left out) or of another kind. */
enum status run_files_check(const char *folder, const char *const *input,
                            int inputs) MUST_CHECK;

/* What RUN_CONFIG begins with. */
#define RUN_CONFIG_HEAD "# The whole config of a run of lockstep"

/* Is `path` the config that a run in `folder` wrote? */
bool run_files_is_config(const char *folder, const char *path);

/* Is `path` a file that a run in `folder` writes, or the folder? */
bool run_files_has(const char *folder, const char *path);

#endif
