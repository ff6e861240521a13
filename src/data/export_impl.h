/*
 * export_impl: the parts of an export: names (export_path.c), the list (export_list.c).
 */
#ifndef LOCKSTEP_DATA_EXPORT_IMPL_H
#define LOCKSTEP_DATA_EXPORT_IMPL_H

#include "data/export.h"

/* SPLIT/CLASS, and SPLIT/CLASS/NNNNNN.png of image i, which is of this class. The caller
   frees. */
char *export_class_path(const struct dataset_info *info, enum dataset_split split,
                        int class);
char *export_image_path(const struct dataset_info *info, enum dataset_split split,
                        int class, size_t i);

/* Writes FOLDER/EXPORT_LIST; only if info->has_weights. */
enum status export_list(const struct dataset_info *info, const char *folder) MUST_CHECK;

#endif
