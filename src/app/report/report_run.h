/*
 * report_run: what is read of a run for its report.
 */
#ifndef LOCKSTEP_APP_REPORT_REPORT_RUN_H
#define LOCKSTEP_APP_REPORT_REPORT_RUN_H

#include "app/run/network.h"
#include "train/metrics.h"

struct report_run {
    char *path;             /* owned: as the user called it */
    struct network network; /* of the best checkpoint, without weights */
    struct metrics metrics;
    char *log; /* owned: of log.txt; "": there is none */
};

/* ST_FAIL: not the folder of a run, or one without a checkpoint. */
enum status report_run_open(struct report_run *run, const char *path) MUST_CHECK;
void report_run_close(struct report_run *run);

/* The facts that the log says before its first blank line, of the newest start: "cpu
   ...". Each line is a word, blanks, and a text. NULL: there are none. */
const char *report_run_facts(const struct report_run *run);

/* The newest line that begins so; NULL: there is none since the newest start. */
const char *report_run_line(const struct report_run *run, const char *begin);

/* "finished", "stopped", or "not ended". *steps, unless that is NULL: of the whole run;
   0: not known. A start that was refused changes nothing. */
const char *report_run_state(const struct report_run *run, uint64_t *steps);

/* A key of config_describe_key as the run has it, or all groups; the caller frees; NULL:
   a key of layers or of one group. */
#define REPORT_GROUPS (-1)
char *report_run_key(const struct report_run *run, int key);

/* Have the runs different values of a key? Networks are not compared. */
bool report_runs_differ(const struct report_run *run, int runs, int key);

#endif
