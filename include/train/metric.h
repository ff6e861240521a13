/*
 * metric: by what evaluations are compared, to keep the best and to stop early.
 *
 *   accuracy            share of right answers
 *   balanced_accuracy   mean over the classes of the share of their samples that are
 *                       right (recall); classes without samples do not count
 *   macro_f1            mean over the same classes of F1 = 2 P R / (P + R), with
 *                       precision P and recall R; 0 for a class without a right answer
 *   loss                mean cross-entropy
 *
 * If images have several classes, or none, the loss is that of nn/loss_set.h, the counts
 * are those of answers p >= the threshold, and there are two more:
 *
 *   average_precision   mean over the classes with samples of the average precision
 *                       (train/average_precision.h)
 *   subset_accuracy     share of images all of whose classes are right; accuracy in logs
 *
 * Sums over integer counts, in the order of the classes: the same bits for all ranks.
 */
#ifndef LOCKSTEP_TRAIN_METRIC_H
#define LOCKSTEP_TRAIN_METRIC_H

#include "train/evaluate.h"

enum metric {
    METRIC_ACCURACY,
    METRIC_BALANCED_ACCURACY,
    METRIC_MACRO_F1,
    METRIC_LOSS,
    METRIC_AVERAGE_PRECISION,
    METRIC_SUBSET_ACCURACY,
};

extern const char *const metric_words[];

/* 0..1; of loss the loss. */
double metric_value(enum metric metric, const struct evaluation *evaluation);

/* Scores of class c, 0..1; NAN if the divisor is 0: no answers with the class
   (precision), or no images of it (recall, F1). */
double metric_precision(const struct confusion *confusion, int c);
double metric_recall(const struct confusion *confusion, int c);
double metric_f1(const struct confusion *confusion, int c);

/* More is better: the value, or of loss its negative. */
double metric_score(enum metric metric, const struct evaluation *evaluation);

/* Is it only for images with several classes? */
bool metric_is_of_sets(enum metric metric);

/* "accuracy", "balanced accuracy", "macro F1", "loss", "average precision". */
const char *metric_name(enum metric metric);

/* "accuracy 93.10 %", "macro F1 91.02 %", "loss 0.2345"; the caller frees. */
char *metric_text(enum metric metric, double score);

#endif
