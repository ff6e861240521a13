/*
 * dataset_writer: makes the files of data/dataset_info.h.
 */
#ifndef LOCKSTEP_DATA_DATASET_WRITER_H
#define LOCKSTEP_DATA_DATASET_WRITER_H

#include "data/dataset.h"
#include "io/target.h"

extern const struct target_kind dataset_target;

/* --- making one, image by image --- */

/* Strings are borrowed until the writer is open. */
struct dataset_recipe {
    struct shape shape;
    int classes;
    char *const *class_name;
    const char *source;
    size_t most[DATASET_SPLITS]; /* images to come, at most */
    bool multi_label;            /* items have sets of classes, not labels */
    bool encoded; /* files are stored; then exactly `most` images must come, with... */
    size_t bytes[DATASET_SPLITS]; /* ...files of so many bytes */
    struct dataset_treatment treatment;
};

struct dataset_writer;

/* Opens a temporary file beside `path` with room for the recipe's images. A path that
   cannot be written and impossible classes are reported here. Memory stays at a few MB
   and about 10 bytes an image, plus the paths. Not collective, one thread. */
enum status dataset_writer_open(struct dataset_writer **writer, const char *path,
                                const struct dataset_recipe *recipe) MUST_CHECK;

/* An image: pixels (h, w, c); if the recipe says encoded, the file that they were made of
   by treatment_decode. path: of that file, or NULL; all images have one, or none is
   stored. */
struct dataset_item {
    const uint8_t *pixels;
    int label;
    const uint8_t *set; /* of a multi-label set, instead: base/label_set.h */
    const char *path;
    const uint8_t *file;
    size_t bytes;
};

/* Adds an image to a split; images keep their order within it. The writer stays open
   after a failure. */
enum status dataset_writer_put(struct dataset_writer *writer, enum dataset_split split,
                               const struct dataset_item *item) MUST_CHECK;

/* Gives the image that was put last into a split a weight; without this it is 1. If a
   training image has one, those of train are stored as /train/weights. */
void dataset_writer_weigh(struct dataset_writer *writer, enum dataset_split split,
                          float weight);

/* Computes mean, std and hash and puts the file in its place; frees the writer in any
   case. Fewer images than announced may have come: the file is then written once more,
   without the gaps. ST_FAIL if no training images came, or none of some class unless
   allow_empty, or all training pixels are the same. */
enum status dataset_writer_finish(struct dataset_writer *writer,
                                  bool allow_empty) MUST_CHECK;

/* Removes the temporary file and frees the writer; NULL is fine. */
void dataset_writer_abandon(struct dataset_writer *writer);

/* --- making one from memory --- */

/* A whole data set in memory, filled by the importers or the synthesiser. */
struct dataset_builder {
    int h, w, classes;
    int c;             /* channels; 0 means 1 */
    char **class_name; /* owned strings, owned array */
    char *source;      /* owned */
    struct dataset_treatment treatment;
    size_t count[DATASET_SPLITS];
    uint8_t *images[DATASET_SPLITS];  /* owned: (count, h, w, c) */
    uint16_t *labels[DATASET_SPLITS]; /* owned: (count) */
};

/* Writes it as a dataset_writer does. */
enum status dataset_write(const struct dataset_builder *builder, const char *path,
                          bool allow_empty) MUST_CHECK;
void dataset_builder_release(struct dataset_builder *builder);

/* Writes the data set at info->path once more, with `part` of the training images moved
   to val, stratified by class (in a multi-label set by the rarest class of each image)
   and chosen by the seed; an existing val is an error. The file is replaced atomically.
   *moved: how many. */
enum status dataset_split_val(const struct dataset_info *info, double part, uint64_t seed,
                              size_t *moved) MUST_CHECK;

#endif
