/*
 * export: writes the images of a data set as PNG files, FOLDER/SPLIT/CLASS/NNNNNN.png,
 * which `lockstep data import` takes back with the same pixels. The number is the image's
 * place in its split. A '/' in the name of a class becomes '_'.
 */
#ifndef LOCKSTEP_DATA_EXPORT_H
#define LOCKSTEP_DATA_EXPORT_H

#include "data/dataset.h"

/* The folder is made; ST_USAGE if there is something in it. *written: how many images. */
enum status export_images(const struct dataset_info *info, const char *folder,
                          size_t *written) MUST_CHECK;

#endif
