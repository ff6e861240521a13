/*
 * import_set: the pictures that an import found, with what it learned and decided about
 * each. The import fills it in this order:
 *
 *   1. import_scan (a folder), import_list (a CSV list) or import_find_table (IDX files
 *      and tables, read into memory) find pictures, classes, splits;
 *   2. import_survey decodes each picture once and keeps its facts;
 *   3. import_twins_find finds equal pictures;
 *   4. import_assign gives each picture that is left a split (import_check.h);
 *   5. import_pictures writes them to the data set.
 *
 * A picture costs about 100 bytes and its path; no pixels are kept of those in files.
 */
#ifndef LOCKSTEP_DATA_IMPORT_SET_H
#define LOCKSTEP_DATA_IMPORT_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fs.h"
#include "base/status.h"
#include "data/import_pictures.h"
#include "import_names.h"
#include "io/image.h"

#define IMPORT_SPLIT_OPEN (-1) /* the source does not say a split */
#define IMPORT_NO_GROUP   (-1)
#define IMPORT_NO_CLASS   (-1) /* not yet, or multi-label */

struct dataset_builder;

struct import_picture {
    char *path;   /* owned: relative to the set's root, or absolute */
    char *reason; /* owned: why it is left out; NULL: it is kept */
    int class;    /* multi-label: the one that it is drawn by (import_labels_choose), or
                     set->classes if it has none */
    int labels;   /* multi-label: how many classes it has, which are... */
    size_t first_label; /* ...set->label[first_label] and those behind */
    int split;          /* enum dataset_split or IMPORT_SPLIT_OPEN */
    int group;          /* number of the group, or IMPORT_NO_GROUP */
    float weight;
    /* facts of the survey: */
    int h, w;
    size_t bytes;       /* of the file */
    uint64_t hash;      /* of h, w, c and the decoded pixels */
    bool unreadable;    /* then there are no facts, and a reason */
    bool colour;        /* some pixel is not grey */
    bool light_border;  /* the border is brighter than the middle grey */
    bool plain_border;  /* the border is nearly of one value, as paper is */
    bool transparent;   /* was laid on white */
    bool laid_on_black; /* on black, because white would have made it flat */
    bool dark_range;    /* 16 bits that use the low end alone */
    bool several_pages; /* the file has more than the one that was read */
    bool flat;          /* all pixels are equal */
};

/* What the search passed over. */
struct import_passed {
    size_t droppings; /* files and folders of other programs, hidden ones */
    size_t loops;     /* links to a folder that they are in */
    size_t others;    /* files that are no pictures by name and content */
    char *example;    /* owned: a path of `others` */
    char *hollow;     /* owned: a class folder that holds files, but no pictures */
};

struct import_set {
    char *root;   /* owned: the folder that relative paths begin in */
    char *source; /* owned: what the data set says it was made of */
    char *input;  /* owned: the path that was given */
    /* Borrowed: where the pixels are if not in files: picture i is the image i of train,
       val, test, and its path a name for messages. */
    const struct dataset_builder *memory;
    struct import_picture *picture;
    size_t count, room;
    char **class_name; /* owned: in Unicode's form NFC, sorted, all different */
    int classes;
    struct import_names names;         /* of class_name */
    size_t *per_class[DATASET_SPLITS]; /* owned, or NULL: see import_count */
    int groups;                        /* 0: no groups */
    bool splits_given[DATASET_SPLITS]; /* the source has pictures of the split */
    bool weighted;                     /* the source gives weights */
    bool multi_label; /* a picture has several classes, or none: import_labels.h */
    int *label;       /* owned: (label_room) of all pictures */
    size_t labels, label_room;    /* in use */
    size_t total[DATASET_SPLITS]; /* kept pictures: see import_count */
    bool in_file; /* the labels are in a file: a list, a table, IDX files */
    struct import_passed passed;
};

void import_set_release(struct import_set *set);

/* Adds a picture, and takes over `path`. */
struct import_picture *import_set_add(struct import_set *set, char *path, int class,
                                      int split);

/* The number of the class of this name, which is normalised first; a new one is added.
   import_set_sort then sorts the classes (by number if all names are numbers) and gives
   the pictures their new numbers. */
int import_set_class(struct import_set *set, const char *name);
void import_set_sort(struct import_set *set);
/* By class; those of a class keep their order. */
void import_set_by_class(struct import_set *set);

/* The split that a word means (train, training, val, valid, validation, test, testing, in
   any case), or IMPORT_SPLIT_OPEN. */
int import_split_of(const char *word);

/* Reads picture i, as image_read_file does; the pixels of a table are borrowed and must
   stay as they are. import_unload frees the others. Any number of threads. */
enum status import_load(const struct import_set *set, size_t i,
                        const struct image_options *reader, struct image *image,
                        struct image_facts *facts) MUST_CHECK;
void import_unload(const struct import_set *set, struct image *image);

/* out = the path of a picture as it can be opened. */
enum status import_path(const struct import_set *set,
                        const struct import_picture *picture,
                        char out[FS_PATH]) MUST_CHECK;

/* Counts the kept pictures of each class and split into set->per_class and total. */
void import_count(struct import_set *set);

/* --- 1: finding --- */

/* Files and folders that other programs leave behind, and hidden ones. */
bool import_is_dropping(const char *name);
/* Does the name end as those of picture files do (.png, .jpg, ...)? */
bool import_is_picture_name(const char *name);

/* Searches a folder of class folders, or of the folders of splits that hold such. */
enum status import_scan(struct import_set *set, const char *folder) MUST_CHECK;

/* The same of any folder, whatever its folders mean: all pictures are of one class, which
   has no name. */
enum status import_scan_all(struct import_set *set, const char *folder) MUST_CHECK;

/* Notes on what was passed over. */
void import_report_passed(const struct import_passed *passed);

/* Reads a list (RFC 4180); the first line names the columns: path, label, and perhaps
   split, group, weight. `text` is the file's content, which is changed. Paths are
   relative to the list's folder. */
enum status import_list(struct import_set *set, const char *path, enum import_label label,
                        char *text) MUST_CHECK;

#endif
