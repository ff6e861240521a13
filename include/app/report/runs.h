/*
 * runs: the runs in a folder, as a table.
 */
#ifndef LOCKSTEP_APP_REPORT_RUNS_H
#define LOCKSTEP_APP_REPORT_RUNS_H

#include "base/status.h"

/* Prints a row for each run in the folder, in the order of their names: best score and
   its step, the last step, how it ended and when, and the keys of its config by which the
   runs differ. A run that cannot be read gets a note. ST_FAIL: there is no run. */
enum status runs_print(const char *folder) MUST_CHECK;

#endif
