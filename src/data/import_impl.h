/*
 * import_impl: what the importers share.
 */
#ifndef LOCKSTEP_DATA_IMPORT_IMPL_H
#define LOCKSTEP_DATA_IMPORT_IMPL_H

#include <stdio.h>

#include "data/import.h"

/* How the labels in files map to classes. */
struct import_labels {
    int base;    /* the label of class 0 */
    int classes; /* 0: not known before all labels have been read */
    int largest; /* class seen so far; -1: none */
    int least;
};

/* Maps the label `raw` to its class *label; ST_FAIL if it is out of range. `unit` and
   `where` say for the message where in the file it is: "line" 7, "item" 12. */
enum status import_label(struct import_labels *labels, long long raw, const char *path,
                         const char *unit, size_t where, uint16_t *label) MUST_CHECK;

/* Begins labels, and parses the class names of the options, if there are any, into the
   builder. */
enum status import_named_classes(const struct import_table_options *options,
                                 struct dataset_builder *builder,
                                 struct import_labels *labels) MUST_CHECK;

/* After all images have been read: names each class by the number of its label, unless
   they have names; refuses labels that begin above the base; notes what often is a
   mistake. `path`: of the training images. */
enum status import_finish(struct dataset_builder *builder,
                          const struct import_labels *labels,
                          const struct import_table_options *options,
                          const char *path) MUST_CHECK;

/* The pixel 0..255 of a value 0..max_value; false if it is outside. */
bool import_scale(double value, double max_value, uint8_t *pixel);

/* out (w, h) = in (h, w) transposed. */
void import_transpose(int h, int w, const uint8_t *in, uint8_t *out);

/* Does a line name columns of a list of pictures, path and label? */
bool import_is_list_heading(const char *line);

struct import_set;
/* Numbers the groups of a set's pictures by their names, one for each picture; "" is
 * none.
 */
void import_number_groups(struct import_set *set, char *const *name);

/* Grows a split's arrays, which have room for *room images, so that one more fits. They
   start small: a single CSV line may be as long as its file. */
void import_make_room(struct dataset_builder *builder, enum dataset_split split,
                      size_t *room);

/* The last component of a path; points into it. */
const char *import_basename(const char *path);

#endif
