/*
 * evaluate_sets: what an evaluation counts if images have several classes, or none.
 */
#ifndef LOCKSTEP_TRAIN_EVALUATE_SETS_H
#define LOCKSTEP_TRAIN_EVALUATE_SETS_H

#include "train/evaluate.h"

/* Collective. rows: this rank's answers; result: count and loss are set. */
void evaluate_count_sets(const struct evaluate_setup *setup,
                         const struct evaluation_rows *rows, struct evaluation *result);

/* Bytes that this takes on a rank besides the rows. */
size_t evaluate_sets_bytes(int classes, int threads, uint64_t samples);

#endif
