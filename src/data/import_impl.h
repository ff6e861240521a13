/*
 * import_impl: what the importers share.
 */
#ifndef LOCKSTEP_DATA_IMPORT_IMPL_H
#define LOCKSTEP_DATA_IMPORT_IMPL_H

#include "data/import.h"

/* The labels of files and what they mean. */
struct import_labels {
    int base;    /* the label of class 0 */
    int classes; /* 0: not known before all labels have been read */
    int largest; /* class seen so far; -1: none */
};

/* The class of the label `raw`, which stands at `unit` number `where` ("line 7", "item
   12") of the file; ST_FAIL when it is out of range. */
enum status import_label(struct import_labels *labels, long long raw, const char *path,
                         const char *unit, size_t where, uint16_t *label) MUST_CHECK;

/* Class names from the option, if given: into builder and labels. */
enum status import_named_classes(const char *text, struct dataset_builder *builder,
                                 struct import_labels *labels) MUST_CHECK;

/* Without that option, when all labels are known: the labels' own numbers. */
void import_number_classes(struct dataset_builder *builder,
                           const struct import_labels *labels);

/* out (w, h) = in (h, w) transposed. */
void import_transpose(int h, int w, const uint8_t *in, uint8_t *out);

/* Move a share of each class from train to test, chosen by seed. At least one image of a
   class stays in train. */
void import_take_test(struct dataset_builder *builder, double share, uint64_t seed);

/* Room for one more image in a split, which has it for *room: by little at first, for one
   line of a table may be as long as its file. */
void import_make_room(struct dataset_builder *builder, enum dataset_split split,
                      size_t *room);

/* The last part of a path. Points into it. */
const char *import_basename(const char *path);

#endif
