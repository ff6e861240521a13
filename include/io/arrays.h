/*
 * arrays: named arrays of numbers in files of other programs, as weights are exchanged:
 *
 *   safetensors (https://github.com/huggingface/safetensors, "Format"): 8 bytes of
 *   length, a JSON object, raw data. F64, F32, F16 and BF16 can be read.
 *
 *   .npz: NumPy's zip archive of .npy files (numpy.lib.format, versions 1 to 3),
 *   stored or deflated, with a directory of up to 1 MB. f8, f4 and f2, of either byte
 *   order, in C or Fortran order. Other files in the archive are passed over.
 *
 *   HDF5: every array of the file; its name is its path without the first '/', with '.'
 *   for '/'. f8 and f4 of up to 4 dimensions, contiguous (io/h5file.h). Of lockstep's own
 *   files, checkpoints alone.
 *
 * The kind of a file is found by its content. Files are not trusted: lengths, extents and
 * offsets are checked against the file's size before memory is taken, and a name that is
 * twice in a file, or an array that lies outside, is refused; in safetensors also arrays
 * that overlap. Pickles (PyTorch's .pt and .pth) are programs, and are never read.
 *
 * Only home of <zip.h>. Not collective; a file is for one thread.
 */
#ifndef LOCKSTEP_IO_ARRAYS_H
#define LOCKSTEP_IO_ARRAYS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

#define ARRAYS_DIMS   8
#define ARRAYS_MAX    100000       /* in a file */
#define ARRAYS_NAME   256          /* bytes of a name, with its NUL: UTF-8, printable */
#define ARRAYS_HEADER (100u << 20) /* bytes of a safetensors header, at most */

enum array_type {
    ARRAY_F64,
    ARRAY_F32,
    ARRAY_F16,
    ARRAY_BF16,
    ARRAY_OTHER, /* integers, booleans, ...: it is listed, but cannot be read */
};

/* The shape of an array that can be read is that of bytes which the file has, or has
   deflated to no less than a thousandth: a caller may allocate memory for it. That of
   ARRAY_OTHER is what the file says. */

struct array {
    const char *name; /* owned by the file */
    enum array_type type;
    int dims; /* 0: one number */
    size_t dim[ARRAYS_DIMS];
    size_t count; /* product of dim */
};

struct arrays;

/* ST_FAIL with one line that names the file and what is wrong. Arrays are in the order of
   their data in the file (.npz: of the archive's directory). The caller closes the file;
   arrays_close(NULL) is fine. */
enum status arrays_open(struct arrays **file, const char *path) MUST_CHECK;
void arrays_close(struct arrays *file);

/* "'F' is a pickle, ...: convert it ...", as arrays_open says. Returns ST_FAIL. */
enum status arrays_refuse_pickle(const char *path) MUST_CHECK;

int arrays_count(const struct arrays *file);
const struct array *arrays_at(const struct arrays *file, int i);
/* By name; -1: there is none. */
int arrays_find(const struct arrays *file, const char *name);
/* "safetensors", "npz" or "HDF5". */
const char *arrays_format(const struct arrays *file);

/* Reads array i, converted to float, in C order: `values` has room for count floats. An
   F64 that is too large for a float becomes infinite. ST_FAIL for ARRAY_OTHER, and if the
   numbers are damaged (.npz has a checksum) or have become fewer. */
enum status arrays_read(struct arrays *file, int i, float *values) MUST_CHECK;

/* --- writing --- */

/* A text about the arrays, in UTF-8: of safetensors in the header's "__metadata__", of
   HDF5 an attribute of the root group. */
struct array_note {
    const char *key, *text;
};

enum arrays_output { ARRAYS_SAFETENSORS, ARRAYS_HDF5 };

/* What is to be written, all borrowed. give: writes array i's floats (count) into
   `values`; called in the order of i. */
struct arrays_request {
    enum arrays_output as;
    int arrays;
    const struct array *array; /* (arrays) type is ignored: F32; each name once */
    int notes;
    const struct array_note *note;
    void (*give)(void *context, int i, float *values);
    void *context;
};

/* Writes a file beside `path` and renames it when it is complete. ST_FAIL also for a name
   or a note that arrays_open would refuse.

   safetensors: the header is padded with spaces to a multiple of 8 bytes, as the format
   asks. HDF5: arrays are in the root group under their whole names, "conv1.weight"; '/'
   cannot be in them, and there are at most 4 dimensions. */
enum status arrays_write(const char *path,
                         const struct arrays_request *request) MUST_CHECK;

#endif
