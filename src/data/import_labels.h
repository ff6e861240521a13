/*
 * import_labels: the classes of the pictures of a multi-label set, where a picture has
 * several, or none.
 */
#ifndef LOCKSTEP_DATA_IMPORT_LABELS_H
#define LOCKSTEP_DATA_IMPORT_LABELS_H

#include "import_set.h"

/* The set becomes a multi-label set; the pictures that it has keep their class. */
void import_labels_begin(struct import_set *set);

/* Gives the picture that was added last a class; one that it has counts once. */
void import_labels_add(struct import_set *set, int class);

/* The classes of a picture of any set: (*count), ascending in a multi-label set. */
const int *import_labels_of(const struct import_set *set,
                            const struct import_picture *picture, int *count);
bool import_labels_equal(const struct import_set *set, const struct import_picture *a,
                         const struct import_picture *b);
#define IMPORT_LABELS_BETWEEN ';' /* their names, in a list */

/* Their names, as "cat;dog", or "none"; the caller frees. */
char *import_labels_text(const struct import_set *set,
                         const struct import_picture *picture);

/* Class c is now[c] from here on, in all pictures. */
void import_labels_renumber(struct import_set *set, const int *now);

/* Sets the class by which each picture of a multi-label set is drawn (struct
   import_picture): the rarest of its classes, the first of equally rare ones. */
void import_labels_choose(struct import_set *set);

#endif
