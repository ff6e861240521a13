/*
 * dataset_impl: what the sources of dataset.h share.
 */
#ifndef LOCKSTEP_DATA_DATASET_IMPL_H
#define LOCKSTEP_DATA_DATASET_IMPL_H

#include "data/dataset.h"

#define DATASET_HASH_ROWS 4096 /* images are hashed in blocks of so many */

struct h5file;

/* "/train/images", "/test/labels", ... */
extern const char *const dataset_images_name[DATASET_SPLITS];
extern const char *const dataset_labels_name[DATASET_SPLITS];

/* The content hash is chained: head, then for each split its images by blocks of
   DATASET_HASH_ROWS, then its labels. */
uint64_t dataset_hash_head(char *const *class_name, int classes, int h, int w,
                           const size_t count[DATASET_SPLITS]);

/* A split's labels; ST_FAIL if one is not a class of the data set. */
enum status dataset_read_labels(struct h5file *file, const struct dataset_info *info,
                                enum dataset_split split, uint16_t *labels) MUST_CHECK;

#endif
