/*
 * h5_impl: what h5file.c, h5array.c and h5attr.c share.
 */
#ifndef LOCKSTEP_IO_H5_IMPL_H
#define LOCKSTEP_IO_H5_IMPL_H

#include <hdf5.h>

#include "base/fs.h"
#include "io/h5file.h"

struct h5file {
    hid_t id;
    char path[FS_PATH];
    char temp[FS_PATH]; /* of a file being written, until it is committed; else "" */
    hid_t array;        /* the array used last, kept open: rows come by the thousand */
    char *array_name;   /* owned; NULL: none */
    struct h5file_info info; /* of it */
    size_t bytes;            /* of the file when it was opened for reading */
};

/* HDF5 as packaged is not thread-safe, and a checkpoint is written while images are read:
   the first line of every public function. One thread at a time until it returns. */
#define H5_ALONE __attribute__((cleanup(h5_unlock), unused)) int alone = h5_lock()
int h5_lock(void);
void h5_unlock(int *alone);

/* Why the HDF5 call just made failed: the system's reason if there was one, else HDF5's
   own innermost words. Static storage. */
const char *h5_reason(void);

/* Make the group, with its parents, unless it is there. */
enum status h5_make_group(struct h5file *file, const char *name) MUST_CHECK;

/* As a group, but only the parents of `name`. */
enum status h5_make_parent(struct h5file *file, const char *name) MUST_CHECK;

/* Has the file tried by another process, where that is wanted (io/h5probe.h). */
enum status h5_probe(const char *path) MUST_CHECK;
/* What is read now has been tried, or this is the trial. */
bool h5_guarded(void);

/* The file driver to read with (h5driver.c). */
hid_t h5_read_driver(void);

/* Is this a type of plain numbers? */
bool h5_is_number(hid_t type);

/* Drop the array kept open. */
void h5_forget_array(struct h5file *file);

#endif
