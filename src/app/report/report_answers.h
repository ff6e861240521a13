/*
 * report_answers: the answers of a run's best weights to the images that choose (val, or
 * test), for a report.
 */
#ifndef LOCKSTEP_APP_REPORT_REPORT_ANSWERS_H
#define LOCKSTEP_APP_REPORT_REPORT_ANSWERS_H

#include <stdio.h>

#include "app/run/eval_session.h"

struct report_answers {
    struct eval_request request;
    struct eval_session session;
    bool there;            /* else `why` says what is missing */
    char why[STATUS_TEXT]; /* "": nothing was asked for */
};

/* Collective. Without the data set, or whatever goes wrong, the report goes on without
   the answers. */
void report_answers_open(struct report_answers *answers, struct comm *comm,
                         const char *run, const char *data, int threads);
void report_answers_close(struct report_answers *answers);

/* The wrong answers with the largest probability, as pictures, `most` of them. */
void report_mistakes(FILE *out, const struct report_answers *answers, int most);

#endif
