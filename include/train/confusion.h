/*
 * confusion: which classes are taken for which, over the answers to a split.
 *
 * Per class: support (samples of the class), predicted (answers with it) and correct
 * (answers with it that are right). Up to CONFUSION_CLASSES classes the whole matrix
 * [label][predicted] is kept as well; beyond that it would take gigabytes, and the
 * CONFUSION_PAIRS most frequent wrong pairs are kept instead. The counts are sums of
 * integers and the pairs have one order, so nothing depends on the order in which samples
 * are added. Counts stop at INT32_MAX.
 *
 * Of images with several classes, or none, no class is taken for another: support,
 * predicted and correct are all there is.
 */
#ifndef LOCKSTEP_TRAIN_CONFUSION_H
#define LOCKSTEP_TRAIN_CONFUSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFUSION_CLASSES 1024 /* the matrix takes 4 MiB then */
#define CONFUSION_PAIRS   1024

/* Samples of class `label` that were answered with another class. Plain data, as in the
   file. */
struct confusion_pair {
    int32_t label, predicted, count;
};

struct confusion {
    int classes;                            /* 0: nothing was counted */
    bool sets;                              /* images have several classes, or none */
    int32_t *support, *predicted, *correct; /* owned: (classes) */
    int32_t *matrix; /* owned: (classes, classes), [label][predicted]; NULL: too large */
    struct confusion_pair *pair; /* owned: the most frequent first, of equally frequent
                                    ones the lower label, then the lower answer */
    int pairs;                   /* set by confusion_finish, CONFUSION_PAIRS at most */
    uint32_t *wrong;             /* owned, without a matrix: of each wrong answer
                                    label << 16 | predicted, until confusion_finish */
    size_t wrongs;
};

/* For `samples` answers at most; 0 <= label, predicted < classes <= 65536. */
void confusion_init(struct confusion *confusion, int classes, uint64_t samples);
void confusion_add(struct confusion *confusion, int label, int predicted);
/* After the last sample: finds the pairs. */
void confusion_finish(struct confusion *confusion);
void confusion_release(struct confusion *confusion);

/* For images with several classes. counts: (3, classes): support, predicted, correct. */
void confusion_of_counts(struct confusion *confusion, int classes,
                         const uint64_t *counts);

/* Bytes that counting `samples` answers takes at most; bytes that are kept after
   confusion_finish. */
size_t confusion_bytes(int classes, uint64_t samples);
size_t confusion_kept_bytes(int classes);

/* --- the arrays of a file --- */

/* One evaluation's counts as arrays of int32, for a number of classes: up to
   CONFUSION_CLASSES "confusion" (classes, classes); beyond, "class_counts" (3, classes):
   support, predicted, correct, and "confused_pairs" (CONFUSION_PAIRS, 3): label,
   predicted, count, unused rows 0. */
#define CONFUSION_ARRAYS 2
struct confusion_array {
    const char *name;
    size_t dim[2], count; /* count: dim[0] * dim[1] */
};
/* Returns how many arrays there are. */
int confusion_arrays(int classes, struct confusion_array array[CONFUSION_ARRAYS]);
/* For images with several classes: "class_counts" alone, for any number of classes. */
struct confusion_array confusion_array_counts(int classes);
/* "confusion" for any number of classes, as files of earlier versions have it. */
struct confusion_array confusion_array_matrix(int classes);

/* All arrays of an evaluation, one after the other: numbers, and the numbers
   themselves. */
size_t confusion_row_count(int classes);
void confusion_row(const struct confusion *confusion, int32_t *row);

#endif
