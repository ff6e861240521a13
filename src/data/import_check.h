/*
 * import_check: what is checked and decided about an import_set before it is written:
 * classes, groups and splits.
 */
#ifndef LOCKSTEP_DATA_IMPORT_CHECK_H
#define LOCKSTEP_DATA_IMPORT_CHECK_H

#include "data/import_pictures.h"
#include "import_set.h"

/* Refuses one class alone (unless a network has others), and, without allow_empty,
   classes without training pictures and class folders of other files. In a multi-label
   set one class is enough, if not all training pictures have the same ones. */
enum status import_check_classes(const struct import_set *set,
                                 const struct import_options *options) MUST_CHECK;

/* Gives the classes the numbers that they have in `name`. */
enum status import_name_classes(struct import_set *set, char *const *name,
                                int classes) MUST_CHECK;

/* The parts of each class that val and test get: see struct import_options. */
enum status import_read_shares(const struct import_set *set,
                               const struct import_options *options,
                               double share[DATASET_SPLITS]) MUST_CHECK;

/* Groups by a POSIX extended regular expression: the first parenthesised part of what it
   matches in the path, or all of that; every path must match. Replaces a list's
   groups. */
enum status import_group(struct import_set *set, const char *pattern) MUST_CHECK;

/* Moves `share` of each class's pictures of train (or of no split) to val and test, by
   seed; at least one of each class stays in train. In a multi-label set a picture counts
   for the rarest of its classes, and those without any are a class of their own. Groups
   stay whole; then the shares are met as nearly as a greedy assignment can. A share is 0
   for a split that the source gives. Pictures left out keep no place. */
void import_assign(struct import_set *set, const double share[DATASET_SPLITS],
                   uint64_t seed);

#endif
