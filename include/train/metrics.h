/*
 * metrics: the history of a run, kept on rank 0 and written into checkpoints and
 * metrics.h5.
 *
 * HDF5: /metrics/train/{step u64, loss, accuracy, lr, grad_norm, images_per_second f64},
 * one entry a log line: loss, accuracy (0..1) and speed of its interval, lr and grad_norm
 * of its last step; /metrics/eval/{step u64, loss, accuracy f64, confusion i32
 * (evaluations, classes, classes): [true][predicted]}, confusion of the newest
 * evaluations only, as many as METRICS_CONFUSION holds (387 for 26 classes, at least 1):
 * a run's memory and checkpoints do not grow with it.
 */
#ifndef LOCKSTEP_TRAIN_METRICS_H
#define LOCKSTEP_TRAIN_METRICS_H

#include <stdint.h>

#include "base/status.h"

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
};

struct metrics {
    int classes;
    struct metrics_train *train; /* owned: (trains) */
    struct metrics_eval *eval;   /* owned: (evals) */
    int32_t *confusion;          /* owned: (confusions, classes, classes) */
    int trains, evals, confusions;
    int train_room, eval_room, confusion_room; /* entries allocated */
};

void metrics_init(struct metrics *metrics, int classes);
void metrics_release(struct metrics *metrics);
/* to, initialised or already a copy, becomes the same; its memory is used again. */
void metrics_copy(struct metrics *to, const struct metrics *from);

void metrics_add_train(struct metrics *metrics, const struct metrics_train *entry);
/* confusion: (classes, classes) counts. */
void metrics_add_eval(struct metrics *metrics, const struct metrics_eval *entry,
                      const uint64_t *confusion);
/* INFINITY: there was no evaluation at that step. */
double metrics_eval_loss(const struct metrics *metrics, uint64_t step);

/* Into an open file; chained into *hash. */
enum status metrics_write(const struct metrics *metrics, struct h5file *file,
                          uint64_t *hash) MUST_CHECK;
/* From an open file; replaces what metrics holds. */
enum status metrics_read(struct metrics *metrics, struct h5file *file,
                         uint64_t *hash) MUST_CHECK;

/* The whole history as a file of its own, replaced atomically: a reader always sees a
   complete one. */
enum status metrics_save(const struct metrics *metrics, const char *path) MUST_CHECK;

#endif
