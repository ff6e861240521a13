/*
 * sink: where the log of a run goes: text on stdout, a line of progress on a terminal,
 * JSON, TensorBoard, MLPerf. (metrics.h5 and metrics.csv are not sinks: they are written
 * from the history, train/metrics.h, as checkpoints are.)
 *
 * A sink is a `const struct sink_ops` at the end of its sink_*.c, and a row of the table
 * in sink.c. It is told of events, on rank 0 alone, in the thread that trains: it does
 * little, and nothing of it decides about the training. What it cannot write is a note,
 * never the end of the run.
 */
#ifndef LOCKSTEP_TRAIN_SINK_H
#define LOCKSTEP_TRAIN_SINK_H

#include "pace.h"
#include "train/evaluate.h"
#include "train/metrics.h"
#include "train_run.h"

/* What the log's next line needs besides struct progress: times of this process only. */
struct log_interval {
    double seconds;         /* in steps */
    double reduce;          /* of these in communication */
    double spanned, waited; /* by the gradients' sums: see struct overlap */
    uint64_t steps, samples;
};

/* A step has been done: loss of its images, of the interval so far. */
struct sink_step {
    const struct log_interval *interval;
    const struct pace *pace;
};

/* An interval has ended: a line of the log. */
struct sink_interval {
    const struct metrics_train *entry;
    const struct log_interval *interval;
    const struct metrics_eval *newest; /* evaluation; NULL: there was none */
    double left;                       /* seconds of the run; NAN: not known */
};

struct sink_evaluation {
    const struct evaluation *result;
    uint64_t state; /* the log's state= */
};

enum sink_outcome { SINK_FINISHED, SINK_STOPPED, SINK_FAILED };

struct sink_end {
    enum sink_outcome outcome;
    uint64_t state; /* not of one that failed */
    double seconds; /* of this process in the run */
};

/* run->progress is as it is after the event. Members that are NULL are left out. */
struct sink_ops {
    /* A run begins or, with progress.step > 0, goes on. Returns what the others get as
       `self`; NULL: not wanted, or not possible, which was noted. */
    void *(*open)(const struct train_run *run);
    void (*step)(void *self, const struct train_run *run, const struct sink_step *event);
    void (*interval)(void *self, const struct train_run *run,
                     const struct sink_interval *event);
    void (*evaluating)(void *self, const struct train_run *run); /* one begins */
    void (*evaluation)(void *self, const struct train_run *run,
                       const struct sink_evaluation *event);
    void (*end)(void *self, const struct train_run *run, const struct sink_end *event);
    void (*close)(void *self);
};

extern const struct sink_ops sink_text, sink_progress, sink_json, sink_tensorboard,
    sink_mlperf;

#define SINKS 5
struct sinks {
    void *self[SINKS]; /* owned: NULL: not open */
};

/* All functions do nothing on other ranks than 0, and with sinks that are not open. */
void sinks_open(struct sinks *sinks, const struct train_run *run);
void sinks_step(struct sinks *sinks, const struct train_run *run,
                const struct sink_step *event);
void sinks_interval(struct sinks *sinks, const struct train_run *run,
                    const struct sink_interval *event);
void sinks_evaluating(struct sinks *sinks, const struct train_run *run);
void sinks_evaluation(struct sinks *sinks, const struct train_run *run,
                      const struct sink_evaluation *event);
void sinks_end(struct sinks *sinks, const struct train_run *run,
               const struct sink_end *event);
void sinks_close(struct sinks *sinks);

#endif
