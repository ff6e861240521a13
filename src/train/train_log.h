/*
 * train_log: what the log says of a run: the history, the events that sinks are told
 * (sink.h), and the tables at the end. Rank 0 prints.
 */
#ifndef LOCKSTEP_TRAIN_TRAIN_LOG_H
#define LOCKSTEP_TRAIN_TRAIN_LOG_H

#include "sink.h"
#include "stepper.h"
#include "train/evaluate.h"
#include "train/metrics.h"

struct train_log {
    struct train_run *run;  /* borrowed */
    struct metrics metrics; /* the history; on rank 0 */
    struct log_interval interval;
    struct pace pace;
    struct sinks sinks;
    struct confusion confusion; /* of the last evaluation; classes 0: there was none */
};

void train_log_init(struct train_log *log, struct train_run *run);
void train_log_release(struct train_log *log);

/* Forgets the history. */
void train_log_restart(struct train_log *log);

/* The run begins or goes on: all sinks are told of it. */
void train_log_begin(struct train_log *log);

/* Adds a step with finite numbers to the interval and to run->progress, the step number
   included. It took `seconds`, `reduce` of them in communication. */
void train_log_add(struct train_log *log, const struct train_step *step,
                   const struct overlap *overlap, double seconds, double reduce);

/* One line of the interval that ends with this step; the next interval begins. */
void train_log_line(struct train_log *log, const struct train_step *step);

/* An evaluation begins. */
void train_log_evaluating(struct train_log *log);

/* An evaluation of this step, which took `seconds`: a line with state=, an entry of the
   history. Takes over the result's confusion counts. */
void train_log_evaluation(struct train_log *log, struct evaluation *result,
                          uint64_t state, double seconds);

/* The run has ended with this status, after `seconds`. */
void train_log_end(struct train_log *log, enum status st, uint64_t state, double seconds);

/* --- printing (report.c) --- */

/* Collective: where the time of the run went, whose steps and all took `wall` seconds.
   Returns the longest wait of any rank for images. */
double report_phases(struct train_run *run, double wall);

/* The last line of a run. */
void report_result(const struct train_run *run, uint64_t state, double wall);

#endif
