/*
 * report: what a run did, or several beside each other, as one page of HTML that needs no
 * other file: curves, classes, confusions, mistakes, where the time went.
 */
#ifndef LOCKSTEP_APP_REPORT_REPORT_H
#define LOCKSTEP_APP_REPORT_REPORT_H

#include <stdbool.h>

#include "base/status.h"

struct comm;

#define REPORT_RUNS     24 /* in one page, at most */
#define REPORT_MISTAKES 24 /* pictures, by default */

/* Everything is borrowed. */
struct report_request {
    const char *const *run; /* (runs): folders of runs */
    int runs;
    const char *out;  /* NULL: RUN/report.html, or report.html of several */
    const char *data; /* NULL: the data set of the training */
    int mistakes;     /* pictures of one run; 0: its answers are not computed */
    int threads;      /* of each rank; 0: its share of the CPUs */
};

/* Collective, the same status on every rank: all ranks answer the images of one run; rank
   0 writes. Runs may be at work meanwhile. ST_USAGE: not a run, or the file is another's;
   ST_FAIL: a run cannot be read, or the file not written, or `data` has no answers. */
enum status report_make(struct comm *comm,
                        const struct report_request *request) MUST_CHECK;

#endif
