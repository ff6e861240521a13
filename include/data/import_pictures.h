/*
 * import_pictures: makes a data set of a folder of pictures, of a list of them, or of
 * images in memory, which IDX files and tables are read into (data/import.h).
 *
 * Every picture is decoded twice, by several threads: once to learn sizes, colours and
 * which files are unreadable, and once to write it. No more than a few pictures are in
 * memory at any time. The result does not depend on the number of threads.
 */
#ifndef LOCKSTEP_DATA_IMPORT_PICTURES_H
#define LOCKSTEP_DATA_IMPORT_PICTURES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "data/dataset.h"

/* Whether dark on light becomes light on dark. */
enum import_invert {
    IMPORT_INVERT_DEFAULT, /* as AUTO for grey pictures, as NO for colour */
    IMPORT_INVERT_NO,
    IMPORT_INVERT_YES,
    IMPORT_INVERT_AUTO,     /* decided once for all pictures, by their borders */
    IMPORT_INVERT_RECORDED, /* as the treatment says */
};

/* Whether the pictures of a list have one class each, or a set of classes: several, or
   none. AUTO: sets, if a label of the list holds a ';'. */
enum import_label { IMPORT_LABEL_AUTO, IMPORT_LABEL_SETS };

/* Whether a set holds pixels or the pictures' files. AUTO: files, if the pixels of all
   pictures need more than half of the memory of this machine, which is what a training
   keeps in memory, and the files need less. */
enum import_store { IMPORT_STORE_AUTO, IMPORT_STORE_RAW, IMPORT_STORE_ENCODED };

/* What AUTO becomes; all in bytes. */
enum import_store import_choose_store(double files, double pixels, double memory);

struct import_options {
    int h, w;                /* 0: all pictures have one size, and that is kept */
    int channels;            /* 1 or 3; 0: 3 if a picture has colour */
    enum import_label label; /* of import_pictures, which reads the list */
    enum import_store store;
    enum import_invert invert;
    struct dataset_treatment treatment; /* its invert is set by the import */
    /* Parts of each class (in a multi-label set of the pictures whose rarest class it is,
       and of those without any) for val and test; negative: not asked for. Without any
       test pictures and without val, IMPORT_TEST_SHARE goes to test. */
    double share[DATASET_SPLITS];
    uint64_t seed;        /* of that choice */
    const char *group_by; /* as for import_group, or NULL */
    double max_bad;       /* unreadable files, as a part of all, that may be left out */
    bool strict;          /* none may */
    bool dedupe;          /* of equal pictures one is kept: test, then val, then train */
    bool allow_empty;     /* classes may have no pictures for training */
    /* (classes) names that the classes must have, in this order; NULL: those found. */
    char *const *class_name;
    int classes;
    const char *size_option; /* what messages call h and w; NULL: "--size " */
    int threads;
};

#define IMPORT_TEST_SHARE 0.15
#define IMPORT_MAX_BAD    0.01

/* What a path is. Looks at names and at the first bytes of files. */
enum import_kind { IMPORT_FOLDER, IMPORT_LIST, IMPORT_IDX, IMPORT_CSV };
enum status import_detect(const char *path, enum import_kind *kind) MUST_CHECK;

/* The IDX files that belong to `path`, a folder of them or the file of the images: images
   and labels of train and test (NULL: there are none). The strings are the caller's. */
enum status import_find_idx(const char *path, char *images[DATASET_SPLITS],
                            char *labels[DATASET_SPLITS]) MUST_CHECK;

/* What was found: pictures, classes, splits; nothing is decoded yet. */
struct import_set;
enum status import_find(struct import_set **set, const char *path, enum import_kind kind,
                        enum import_label label) MUST_CHECK;
/* The class folders of `path`, and those of `test`, which hold pictures for testing. */
enum status import_find_folders(struct import_set **set, const char *path,
                                const char *test) MUST_CHECK;
/* Images in memory, which are borrowed; they were read from the file `path`. */
struct dataset_builder;
struct import_set *import_find_table(const struct dataset_builder *builder,
                                     const char *path);
void import_set_free(struct import_set *set); /* NULL is fine */

/* Imports a set, once, into the data set `out`, and prints what became of it as a table.
   Files that were left out are listed in OUT.skipped.csv. */
enum status import_write(struct import_set *set, const char *out,
                         const struct import_options *options) MUST_CHECK;

/* import_find and import_write. */
enum status import_pictures(const char *path, enum import_kind kind, const char *out,
                            const struct import_options *options) MUST_CHECK;

/* The paths of all pictures of a folder and of the folders in it, in order of their
   names; the caller's: fs_free_list. Notes tell what was passed over. ST_FAIL if there
   are none.
 */
enum status import_list_folder(const char *folder, char ***paths, int *count) MUST_CHECK;

/* A hash of all that decides what import_write would write: names, sizes and times of the
   files, and the options. *has: which splits the source has itself. */
enum status import_fingerprint(const struct import_set *set,
                               const struct import_options *options, uint64_t *hash,
                               bool has[DATASET_SPLITS]) MUST_CHECK;

#endif
