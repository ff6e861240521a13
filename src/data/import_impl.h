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

/* What is recorded of images that come as they are, in IDX files and tables. */
struct dataset_treatment import_untreated(void);

/* The last component of a path; points into it. */
const char *import_basename(const char *path);

#endif
