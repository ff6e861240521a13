/*
 * export_impl: the parts of an export: names (export_path.c), the list (export_list.c).
 */
#ifndef LOCKSTEP_DATA_EXPORT_IMPL_H
#define LOCKSTEP_DATA_EXPORT_IMPL_H

#include "data/export.h"

/* SPLIT/CLASS. The caller frees. */
char *export_class_path(const struct dataset_info *info, enum dataset_split split,
                        int class);
/* SPLIT/CLASS/NNNNNN.png of image i, whose labels are number k; of a multi-label set
   SPLIT/NNNNNN.png. The caller frees. */
char *export_image_path(const struct dataset_info *info, enum dataset_split split,
                        const struct dataset_labels *labels, size_t k, size_t i);

/* ST_USAGE if a list cannot hold the names of the classes. */
enum status export_check_names(const struct dataset_info *info) MUST_CHECK;
/* Writes FOLDER/EXPORT_LIST, with weights if there are any. */
enum status export_list(const struct dataset_info *info, const char *folder) MUST_CHECK;

#endif
