/*
 * dataset_impl: what the sources of dataset.h share.
 */
#ifndef LOCKSTEP_DATA_DATASET_IMPL_H
#define LOCKSTEP_DATA_DATASET_IMPL_H

#include "data/dataset.h"

struct h5file;

/* "/train/images", "/test/labels", ... */
extern const char *const dataset_images_name[DATASET_SPLITS];
extern const char *const dataset_labels_name[DATASET_SPLITS];
extern const char *const dataset_paths_name[DATASET_SPLITS];
#define DATASET_WEIGHTS_NAME "/train/weights"

/* Reads a split's labels; ST_FAIL if one is not below info->classes. */
enum status dataset_read_labels(struct h5file *file, const struct dataset_info *info,
                                enum dataset_split split, uint16_t *labels) MUST_CHECK;

/* --- the content hash (dataset_hash.c) --- */

/* Can a program that knows format 1 only read the set? */
bool dataset_is_format_1(const struct dataset_info *info);

/* The hash of a set of format 2 that comes image by image: add each one to its split's
   value, which is 0 at first, then combine the splits. */
uint64_t dataset_hash_image(uint64_t split, const uint8_t *pixels, size_t bytes,
                            int label);
uint64_t dataset_hash_splits(const struct dataset_info *info,
                             const uint64_t split[DATASET_SPLITS]);

/* The hash of what the file holds, by either format. Uses info's shape, counts and
   classes. */
enum status dataset_hash_content(struct h5file *file, const struct dataset_info *info,
                                 uint64_t *hash) MUST_CHECK;

#endif
