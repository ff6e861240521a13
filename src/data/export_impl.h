/*
 * export_impl: what export.c and export_list.c share.
 */
#ifndef LOCKSTEP_DATA_EXPORT_IMPL_H
#define LOCKSTEP_DATA_EXPORT_IMPL_H

#include "data/export.h"

/* SPLIT/CLASS/NNNNNN.png of image i, which is of this class. The caller frees. */
char *export_image_path(const struct dataset_info *info, enum dataset_split split,
                        int class, size_t i);

/* Writes FOLDER/EXPORT_LIST; only if info->has_weights. */
enum status export_list(const struct dataset_info *info, const char *folder) MUST_CHECK;

#endif
