/*
 * metrics: the history of a run, kept on rank 0 and written into checkpoints,
 * metrics.h5 and metrics.csv.
 *
 * HDF5: /metrics/train/{step u64, loss, accuracy, lr, grad_norm, images_per_second f64},
 * one entry per log line: loss, accuracy (0..1) and speed of its interval, lr and
 * grad_norm of its last step. /metrics/eval/{step u64, loss, accuracy f64}, one entry per
 * evaluation; average_precision, too, if images have several classes. Of the newest
 * evaluations also which classes were taken for which (train/confusion.h), int32:
 *
 * - up to 1024 classes /metrics/eval/confusion (evaluations, classes, classes):
 *   [label][predicted];
 *
 * - with more classes /metrics/eval/class_counts (evaluations, 3, classes), which has the
 *   samples of the class, the answers with it and the right ones of these; and
 *   /metrics/eval/confused_pairs (evaluations, 1024, 3), which has label, predicted and
 *   count of the most frequent wrong pairs, then zeros. Earlier versions wrote
 *   /metrics/eval/confusion here too: it is read for the hash, and its counts dropped;
 *
 * - if images have several classes /metrics/eval/class_counts alone, for any number of
 *   classes.
 *
 * As many evaluations have them as METRICS_CONFUSION bytes hold (387 for 26 classes), at
 * least one: memory and checkpoints stay bounded however long the run is.
 */
#ifndef LOCKSTEP_TRAIN_METRICS_H
#define LOCKSTEP_TRAIN_METRICS_H

#include <stdint.h>

#include "base/status.h"
#include "train/confusion.h"

struct h5file;

/* Root attribute "format" of metrics.h5. */
#define METRICS_FORMAT "lockstep-metrics"

#define METRICS_CONFUSION ((size_t)1 << 20) /* bytes */

struct metrics_train {
    uint64_t step;
    double loss, accuracy, lr, grad_norm, images_per_second;
};

struct metrics_eval {
    uint64_t step;
    double loss, accuracy;
    double average_precision; /* if images have several classes */
};

struct metrics {
    int classes;
    bool sets; /* images have several classes, or none: set it after metrics_init */
    struct metrics_train *train; /* owned: (trains) */
    struct metrics_eval *eval;   /* owned: (evals) */
    int32_t *confusion;          /* owned: (confusions, confusion_row_count) */
    int trains, evals, confusions;
    int train_room, eval_room, confusion_room; /* entries allocated */
};

void metrics_init(struct metrics *metrics, int classes);
void metrics_release(struct metrics *metrics);

/* Bytes that the counts of the kept evaluations take at most: the part of a history that
   is large with many classes. (Multi-label sets take less.) */
size_t metrics_bytes(int classes);
/* Bytes that metrics_write allocates at most while it writes the counts. */
size_t metrics_write_bytes(int classes);

/* Makes `to`, initialised or already a copy, the same as `from`; its memory is reused. */
void metrics_copy(struct metrics *to, const struct metrics *from);

void metrics_add_train(struct metrics *metrics, const struct metrics_train *entry);
void metrics_add_eval(struct metrics *metrics, const struct metrics_eval *entry,
                      const struct confusion *confusion);
/* The loss of the evaluation at `step`, INFINITY if there was none. */
double metrics_eval_loss(const struct metrics *metrics, uint64_t step);

/* Into an open file; *hash goes on over what is written. */
enum status metrics_write(const struct metrics *metrics, struct h5file *file,
                          uint64_t *hash) MUST_CHECK;
/* From an open file, with metrics->classes classes, and sets as metrics->sets says;
   replaces what metrics holds. */
enum status metrics_read(struct metrics *metrics, struct h5file *file,
                         uint64_t *hash) MUST_CHECK;

/* The whole history as a file of its own, replaced atomically: a reader always sees a
   complete one. */
enum status metrics_save(const struct metrics *metrics, const char *path) MUST_CHECK;

/* How the history is laid out as a table. */
struct metrics_table {
    double epoch_steps; /* steps of an epoch */
    const char *split;  /* that the evaluations were of: "val" */
};

/* The first columns of the table of any run. */
#define METRICS_TABLE_HEAD "step,epoch,train_loss,train_accuracy,"

/* The whole history as CSV (RFC 4180, but lines end with LF), replaced atomically: a row
   for each step that has a log line, an evaluation or both, with empty fields for what it
   lacks. Columns: step, epoch, train_loss, train_accuracy, lr, grad_norm,
   images_per_second, eval_split, val_loss, val_accuracy and, if images have several
   classes, val_average_precision; they have these names whatever the split. Accuracies
   are 0..1. */
enum status metrics_save_table(const struct metrics *metrics,
                               const struct metrics_table *table,
                               const char *path) MUST_CHECK;

#endif
