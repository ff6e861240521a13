/*
 * import: reads images and labels in common formats into a dataset_builder. On bad input
 * each function reports one line that names the file (and row), and leaves the builder
 * empty. On success the caller calls dataset_builder_release.
 */
#ifndef LOCKSTEP_DATA_IMPORT_H
#define LOCKSTEP_DATA_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "data/dataset_writer.h"

/* Parses "letters" (A..Z), "digits" (0..9) or a comma-separated list into names: at least
   two, all different. The caller frees them with fs_free_list. */
enum status import_classes(const char *text, char ***names, int *count) MUST_CHECK;

/* "28" or "HxW" into h and w; ST_USAGE calls the text `option` ("--size"). */
enum status import_read_size(const char *option, const char *text, int *h,
                             int *w) MUST_CHECK;

struct import_idx_options {
    const char *images[DATASET_SPLITS]; /* files; the test file may be NULL */
    const char *labels[DATASET_SPLITS];
    const char *classes; /* as for import_classes; NULL: classes are named by number */
    bool transpose;      /* images are stored column by column (EMNIST) */
    int label_base;      /* the label of the first class: 0, or 1 for EMNIST Letters */
};
enum status import_idx(const struct import_idx_options *options,
                       struct dataset_builder *builder) MUST_CHECK;

struct import_csv_options {
    /* Rows of a label, then pixels; a heading line is skipped; the file may be
       gzip-compressed. The test file may be NULL. */
    const char *file[DATASET_SPLITS];
    const char *classes; /* as in import_idx_options */
    bool transpose;
    int label_base;
    double test_share; /* without a test file: this fraction of each class goes to test */
    uint64_t seed;     /* of that split */
    int h, w;          /* 0: the square root of the number of pixels */
};
enum status import_csv(const struct import_csv_options *options,
                       struct dataset_builder *builder) MUST_CHECK;

struct import_dir_options {
    /* Folders that hold one folder of PNG files per class, named after the class. If the
       test folder is NULL, the other may hold two such folders, "train" and "test". */
    const char *folder[DATASET_SPLITS];
    double test_share; /* without any test folder, as above */
    uint64_t seed;
    int h, w;   /* images are scaled to fit */
    int invert; /* 1 yes, 0 no, -1: images whose border is brighter than middle grey */
};
enum status import_dir(const struct import_dir_options *options,
                       struct dataset_builder *builder) MUST_CHECK;

/* Moves a part of each class from train to an empty split, chosen by seed. At least one
   image of each class stays in train. */
void import_take_share(struct dataset_builder *builder, enum dataset_split split,
                       double share, uint64_t seed);

#endif
