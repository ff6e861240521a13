/*
 * import_impl: what the importers share.
 */
#ifndef LOCKSTEP_DATA_IMPORT_IMPL_H
#define LOCKSTEP_DATA_IMPORT_IMPL_H

#include "data/import.h"

/* How the labels in files map to classes. */
struct import_labels {
    int base;    /* the label of class 0 */
    int classes; /* 0: not known before all labels have been read */
    int largest; /* class seen so far; -1: none */
};

/* Maps the label `raw` to its class *label; ST_FAIL if it is out of range. `unit` and
   `where` say for the message where in the file it is: "line" 7, "item" 12. */
enum status import_label(struct import_labels *labels, long long raw, const char *path,
                         const char *unit, size_t where, uint16_t *label) MUST_CHECK;

/* Parses the class names of the option `text`, unless it is NULL, into builder and
   labels. */
enum status import_named_classes(const char *text, struct dataset_builder *builder,
                                 struct import_labels *labels) MUST_CHECK;

/* After all labels have been read: if no class names were given, names each class by the
   number of its label. */
void import_number_classes(struct dataset_builder *builder,
                           const struct import_labels *labels);

/* out (w, h) = in (h, w) transposed. */
void import_transpose(int h, int w, const uint8_t *in, uint8_t *out);

/* Moves a fraction of each class from train to test, chosen by seed. At least one image
   of each class stays in train. */
void import_take_test(struct dataset_builder *builder, double share, uint64_t seed);

/* Grows a split's arrays, which have room for *room images, so that one more fits. They
   start small: a single CSV line may be as long as its file. */
void import_make_room(struct dataset_builder *builder, enum dataset_split split,
                      size_t *room);

/* The last component of a path; points into it. */
const char *import_basename(const char *path);

#endif
