/*
 * metrics_impl: the history in memory (metrics.c), for the one in files (metrics_file.c).
 */
#ifndef LOCKSTEP_TRAIN_METRICS_IMPL_H
#define LOCKSTEP_TRAIN_METRICS_IMPL_H

#include "train/metrics.h"

/* The arrays of counts that the history has, and the numbers of an evaluation in all of
   them. */
int metrics_arrays(const struct metrics *metrics,
                   struct confusion_array array[CONFUSION_ARRAYS]);
size_t metrics_row_count(const struct metrics *metrics);
size_t metrics_row_bytes(const struct metrics *metrics);

/* The number of evaluations whose counts are kept, at most. */
int metrics_most_confusions(const struct metrics *metrics);

/* Room for so many entries. */
void metrics_reserve_all(struct metrics *metrics, int trains, int evals, int confusions);

/* Drops the oldest counts, so that `most` are left. */
void metrics_trim_confusions(struct metrics *metrics, int most);

#endif
