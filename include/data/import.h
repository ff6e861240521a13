/*
 * import: other people's files into a dataset_builder. Each function says what is wrong
 * with bad input in one line, with the file (and row) named, and leaves nothing behind.
 */
#ifndef LOCKSTEP_DATA_IMPORT_H
#define LOCKSTEP_DATA_IMPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "data/dataset.h"

/* "letters" (A..Z), "digits" (0..9) or a comma-separated list into names (at least two,
   all different); free with fs_free_list. */
enum status import_classes(const char *text, char ***names, int *count) MUST_CHECK;

struct import_idx_options {
    const char *images[DATASET_SPLITS]; /* files; test may be NULL */
    const char *labels[DATASET_SPLITS];
    const char *classes; /* as import_classes; NULL: the labels' own numbers */
    bool transpose;      /* images are stored column by column (EMNIST) */
    int label_base;      /* the label of the first class: 0, or 1 for EMNIST Letters */
};
enum status import_idx(const struct import_idx_options *options,
                       struct dataset_builder *builder) MUST_CHECK;

struct import_csv_options {
    const char *file[DATASET_SPLITS]; /* label, then pixels; a heading line is skipped;
                                         may be gzip-compressed; test may be NULL */
    const char *classes;              /* as in import_idx_options */
    bool transpose;
    int label_base;
    double test_share; /* without a test file: this part of each class goes to test */
    uint64_t seed;     /* of that split */
    int h, w;          /* 0: the square root of the number of pixels */
};
enum status import_csv(const struct import_csv_options *options,
                       struct dataset_builder *builder) MUST_CHECK;

struct import_dir_options {
    const char *folder[DATASET_SPLITS]; /* one folder of PNGs per class, named after it;
                                           with no test folder, folder[0] may hold two
                                           such, train and test */
    double test_share;                  /* without any test folder, as above */
    uint64_t seed;
    int h, w;   /* images are scaled to fit */
    int invert; /* 1 yes, 0 no, -1: each whose border is brighter than the middle grey */
};
enum status import_dir(const struct import_dir_options *options,
                       struct dataset_builder *builder) MUST_CHECK;

#endif
