/*
 * export: writes the images of a data set as PNG files, FOLDER/SPLIT/CLASS/NNNNNN.png,
 * which `lockstep data import` takes back with the same pixels. The number is the image's
 * place in its split. A '/' in the name of a class becomes '_'. If the training images
 * have weights, FOLDER/list.csv lists all images with them; the import of the list keeps
 * them.
 *
 * Of a multi-label set FOLDER/SPLIT/NNNNNN.png, and FOLDER/list.csv with the classes of
 * each, which import --multi-label takes back.
 */
#ifndef LOCKSTEP_DATA_EXPORT_H
#define LOCKSTEP_DATA_EXPORT_H

#include "data/dataset.h"

#define EXPORT_LIST "list.csv"

/* The folder is made; ST_USAGE if there is something in it, or if the classes of a
   multi-label set cannot be written to a list. *written: how many images. */
enum status export_images(const struct dataset_info *info, const char *folder,
                          size_t *written) MUST_CHECK;

#endif
