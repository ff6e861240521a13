/*
 * report: a page of HTML about a run, or one that compares several. It needs no other
 * file. It has curves, classes, confusions, mistakes, and where the time went.
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
   0 writes. Runs may still be under way. ST_USAGE: not a run, or the file to be written
   is not a report; ST_FAIL: a run cannot be read, the file cannot be written, or `data`
   has no answers. */
enum status report_make(struct comm *comm,
                        const struct report_request *request) MUST_CHECK;

#endif
