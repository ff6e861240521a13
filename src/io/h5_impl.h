/*
 * h5_impl: what the sources of h5file.h share.
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
    hid_t array;        /* the array used last, kept open for thousands of row reads */
    char *array_name;   /* owned; NULL: none is open */
    struct h5file_info info; /* of the open array */
    size_t bytes;            /* the file's size when it was opened for reading */
};

/* The first line of every public function: holds a lock until it returns. HDF5 as
   packaged is not thread-safe, and a checkpoint is written while images are read. */
#define H5_ALONE __attribute__((cleanup(h5_unlock), unused)) int alone = h5_lock()
int h5_lock(void);
void h5_unlock(int *alone);

/* Why the last HDF5 call failed: the system's reason if there is one, else HDF5's
   innermost message. Static storage. */
const char *h5_reason(void);

/* File access without locks, and with the formats of HDF5 1.8, in which the length of an
   attribute is not limited. The caller closes it. */
hid_t h5_access_list(void);

/* A handle for the path; nothing is open yet. */
struct h5file *h5_new(const char *path);

/* Makes the group and its parents, as far as they do not exist. */
enum status h5_make_group(struct h5file *file, const char *name) MUST_CHECK;

/* Makes the parents of `name` only. */
enum status h5_make_parent(struct h5file *file, const char *name) MUST_CHECK;

/* If probing is on, lets a child process probe the file (io/h5probe.h). */
enum status h5_probe(const char *path) MUST_CHECK;
/* Is this the probing process? */
bool h5_is_probe(void);
/* Was the file that is read now probed, or is this the probing process? */
bool h5_guarded(void);

/* The file driver for reading (h5driver.c). */
hid_t h5_read_driver(void);

/* Integers of 1 to 8 bytes and floats of 4 and 8, of either byte order. */
bool h5_is_number(hid_t type);
/* The type that holds all values of the stored one, which is a number. */
enum h5file_type h5_nearest_type(hid_t stored);
/* HDF5's type for it in memory, and in files that are written. */
hid_t h5_memory_type(enum h5file_type type);
hid_t h5_file_type(enum h5file_type type);

/* Is the array stored contiguously in this file: no chunks, filters or external files? */
bool h5_is_contiguous(hid_t array);
/* Does the file hold all of a contiguous array of `count` values of `size` bytes? */
bool h5_is_whole(const struct h5file *file, hid_t array, size_t count, size_t size);

/* Closes the array that is kept open. */
void h5_forget_array(struct h5file *file);

#endif
