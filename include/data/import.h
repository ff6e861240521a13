/*
 * import: reads images and labels in common formats into a dataset_builder. On bad input
 * each function reports one line that names the file (and row), and leaves the builder
 * empty. On success the caller calls dataset_builder_release. import_find_table
 * (data/import_pictures.h) goes on from there.
 */
#ifndef LOCKSTEP_DATA_IMPORT_H
#define LOCKSTEP_DATA_IMPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"
#include "data/dataset_writer.h"

/* Parses "letters" (A..Z), "digits" (0..9) or a comma-separated list into names: at least
   two, all different. The caller frees them with fs_free_list. */
enum status import_classes(const char *text, char ***names, int *count) MUST_CHECK;

/* "28" or "HxW" into h and w; ST_USAGE calls the text `option` ("--size"). */
enum status import_read_size(const char *option, const char *text, int *h,
                             int *w) MUST_CHECK;

/* What files of IDX images and tables have in common. */
struct import_table_options {
    const char *classes; /* as for import_classes; NULL: classes are named by their labels
                          */
    bool transpose;      /* images are stored column by column (EMNIST) */
    int label_base;      /* the label of the first class: 0, or 1 for EMNIST Letters */
    double max_value;    /* the pixel that becomes 255, as 16 or 1; 0: 255 */
    bool allow_empty;    /* the first class may have no images */
};

struct import_idx_options {
    const char *images[DATASET_SPLITS]; /* files; the test file may be NULL */
    const char *labels[DATASET_SPLITS];
    struct import_table_options table;
};
enum status import_idx(const struct import_idx_options *options,
                       struct dataset_builder *builder) MUST_CHECK;

/* Tables: rows of a label and the pixels of an image, separated by commas, semicolons,
   tabs or blanks; in UTF-8 or, with a byte order mark, UTF-16; perhaps gzip-compressed. A
   heading and lines that begin with # are passed over. The label is in the column that
   the heading calls so; without one in the first or in the last column, whichever has
   the values of labels. A column that only numbers the rows is ignored. Labels are
   numbers (1 and 1.0 are one), or words, which then are the classes' names. */
struct import_csv_options {
    const char *file[DATASET_SPLITS]; /* the test file may be NULL */
    struct import_table_options table;
    const char *label_column; /* "first", "last", a number from 1 or a heading; or NULL */
    int h, w;                 /* 0: the square root of the number of pixels */
};
enum status import_csv(const struct import_csv_options *options,
                       struct dataset_builder *builder) MUST_CHECK;

/* Does a text begin as a table does, with rows of numbers? */
bool import_csv_is_table(const char *text, size_t bytes);

#endif
