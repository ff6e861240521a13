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
    enum status status; /* ST_OK: they are there; else `why` says what is missing */
    char why[STATUS_TEXT];
};

/* Collective; the same status and text on every rank. Nothing is printed. */
void report_answers_open(struct report_answers *answers, struct comm *comm,
                         const char *run, const char *data, int threads);
void report_answers_close(struct report_answers *answers);

/* The wrong answers with the largest probability, as pictures, `most` of them. */
void report_mistakes(FILE *out, const struct report_answers *answers, int most);

#endif
