/*
 * target: a file that is written at the user's request, and what must not happen to it:
 * no command writes over what it reads, or replaces a file of another kind.
 *
 * Who writes a kind of file defines its struct target_kind and calls target_check before
 * the work begins. Files are compared by device and inode, through links.
 */
#ifndef LOCKSTEP_IO_TARGET_H
#define LOCKSTEP_IO_TARGET_H

#include <stdbool.h>

#include "base/status.h"

/* How a file of the kind is recognised: by the first bytes, or as an HDF5 file by the
   root attribute "format" or by an object in it, or because io/kind.h has the same words
   for it. The others are NULL; if all are, it is any text or device. */
struct target_kind {
    const char *words; /* "a data set" */
    const char *head, *format, *object;
    bool by_words;
};

/* May `path` become a file of this kind? ST_USAGE if it is one of the inputs (NULL ones
   are left out), or exists and is neither empty nor of this kind; ST_FAIL if it cannot be
   written. Leaves nothing behind. */
enum status target_check(const char *path, const struct target_kind *kind,
                         const char *const *input, int inputs) MUST_CHECK;

/* The same of a file whose name the user did not choose, as those of a run: it need not
   be there, and may be replaced if it is damaged. kind NULL: only inputs are spared. */
enum status target_check_own(const char *path, const struct target_kind *kind,
                             const char *const *input, int inputs) MUST_CHECK;

#endif
