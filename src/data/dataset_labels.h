/*
 * dataset_labels: the labels of a data set, a class or a set of classes for each image.
 */
#ifndef LOCKSTEP_DATA_DATASET_LABELS_H
#define LOCKSTEP_DATA_DATASET_LABELS_H

#include "data/dataset_info.h"

struct h5file;

/* Bytes of n labels in memory. */
size_t dataset_labels_bytes(const struct dataset_info *info, size_t n);
/* Labels that lie in memory of so many bytes. */
struct dataset_labels dataset_labels_in(const struct dataset_info *info, void *memory);
struct dataset_labels dataset_labels_create(const struct dataset_info *info, size_t n);
/* Those from number i on; borrowed. */
struct dataset_labels dataset_labels_from(struct dataset_labels labels, size_t i);

/* Reads rows [first, first + n) of a split into `labels`, which has room; ST_FAIL if one
   is not below info->classes. */
enum status dataset_labels_read(struct h5file *file, const struct dataset_info *info,
                                enum dataset_split split, size_t first, size_t n,
                                struct dataset_labels labels) MUST_CHECK;

/* The seed of the hash of image i: its class, or the hash of its set. */
uint64_t dataset_labels_key(struct dataset_labels labels, size_t i);

/* For drawing splits: the number of what each of n images stands for, its class or, of a
   set, the rarest of its classes among these images (the first of equally rare ones);
   info->classes if it has none. The caller frees (n). */
int *dataset_labels_strata(const struct dataset_info *info, struct dataset_labels labels,
                           size_t n);

#endif
