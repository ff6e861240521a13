/*
 * h5walk: finds all arrays of an HDF5 file.
 *
 * Links to other files and soft links are not followed. A process that probes a file
 * (io/h5probe.h) walks through it, too.
 */
#ifndef LOCKSTEP_IO_H5WALK_H
#define LOCKSTEP_IO_H5WALK_H

#include "io/h5file.h"

#define H5WALK_DIMS    8      /* of an array that is found */
#define H5WALK_OBJECTS 200000 /* arrays and groups of a file */
#define H5WALK_DEPTH   32     /* groups in groups */

struct h5walk_array {
    const char *name;      /* its path; valid during the call */
    bool number;           /* its values are numbers as h5file.h has them, */
    enum h5file_type type; /* then of this type */
    bool readable;         /* h5file_read reads it */
    int ndims;
    size_t dim[H5WALK_DIMS];
    size_t count;  /* product of dim */
    size_t offset; /* of its values in the file; 0: they are not stored as one block */
};

/* Calls `found` for each array, group by group. An array with several names is found
   under each. ST_FAIL if the file is damaged or beyond the limits above, which a group
   that contains itself is, and as soon as `found` fails. */
enum status h5file_walk(struct h5file *file,
                        enum status (*found)(void *context,
                                             const struct h5walk_array *array),
                        void *context) MUST_CHECK;

#endif
