/*
 * run_auto: the folders BASE, BASE-2, BASE-3, ... of runs that are numbered (--run auto).
 *
 * A new run gets the number behind the highest one that is there, so that the newest run
 * has the highest number, also after others were deleted.
 */
#ifndef LOCKSTEP_APP_RUN_RUN_AUTO_H
#define LOCKSTEP_APP_RUN_RUN_AUTO_H

#include <stdbool.h>

#include "base/fs.h"
#include "base/status.h"

/* The path of the next run; newest: of the newest one that is there, if there is one.
   Touches no file. */
enum status run_auto_find(char path[FS_PATH], const char *base, bool newest) MUST_CHECK;

/* Makes the folder of the next run: of several jobs that do so at the same time each gets
   one of its own. */
enum status run_auto_claim(char path[FS_PATH], const char *base) MUST_CHECK;

#endif
