/*
 * report_pages: the pages, of parts that report_*.h make.
 */
#ifndef LOCKSTEP_APP_REPORT_REPORT_PAGES_H
#define LOCKSTEP_APP_REPORT_REPORT_PAGES_H

#include "report_answers.h"
#include "report_run.h"

void report_page(FILE *out, const struct report_run *run,
                 const struct report_answers *answers, int mistakes);

/* The page that compares several runs. */
void report_page_compared(FILE *out, const struct report_run *run, int runs);

/* A history as columns, for plots. */
struct report_history {
    int trains, evals;
    double *step, *loss, *accuracy, *lr, *grad_norm, *speed; /* (trains) */
    double *eval_step, *eval_loss, *eval_accuracy;           /* (evals) */
    double *memory;                                          /* owned: all of them */
};
void report_history_init(struct report_history *history, const struct metrics *metrics);
void report_history_release(struct report_history *history);

#endif
