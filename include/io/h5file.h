/*
 * h5file: named arrays and attributes in an HDF5 file. Only home of <hdf5.h>.
 *
 * Paths are absolute ("/weights/conv1/weight"); groups are made as needed. Numbers are
 * stored little-endian, arrays contiguous and uncompressed, so that h5py, h5dump and
 * numpy.memmap can read them. File locking is off (network file systems often lack it),
 * and HDF5's own error messages are off: on failure each function reports one line that
 * names the file and the object. Not collective. Threads may work on different files: a
 * lock admits one thread at a time to HDF5, but fsync runs outside the lock.
 *
 * Reading does not trust the file. Arrays must be plain numbers, stored contiguously (not
 * chunked, compressed or in another file) and completely: an extent that h5file_info
 * returns is bounded by the file's size, so that the caller may allocate memory for it.
 * Links to other files are not followed, and no filter is loaded. For bugs of HDF5 itself
 * on hostile files see io/h5probe.h.
 *
 * Writing: h5file_create opens a temporary file beside `path`; h5file_commit renames the
 * complete file to `path` (fs_commit); h5file_close without commit removes it.
 * h5file_edit does the same with a copy of the file at `path`.
 */
#ifndef LOCKSTEP_IO_H5FILE_H
#define LOCKSTEP_IO_H5FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define H5FILE_DIMS 4

enum h5file_type {
    H5FILE_U8,
    H5FILE_U16,
    H5FILE_I32,
    H5FILE_I64,
    H5FILE_U64,
    H5FILE_F32,
    H5FILE_F64
};

size_t h5file_type_size(enum h5file_type type); /* bytes */

struct h5file;

/* h5file_open opens for reading only. The caller closes the file with h5file_close, also
   after h5file_commit, whether or not that succeeded. h5file_close(NULL) is fine. */
enum status h5file_open(struct h5file **file, const char *path) MUST_CHECK;
enum status h5file_create(struct h5file **file, const char *path) MUST_CHECK;
/* Only for a file that was read before: HDF5 reads the copy without h5file_open's
   care. */
enum status h5file_edit(struct h5file **file, const char *path) MUST_CHECK;
enum status h5file_commit(struct h5file *file) MUST_CHECK;
/* The same, under another name in the same folder. */
enum status h5file_commit_as(struct h5file *file, const char *path) MUST_CHECK;
void h5file_close(struct h5file *file);

const char *h5file_path(const struct h5file *file);

/* An array's type and extent; dims[0..*ndims). */
struct h5file_info {
    enum h5file_type type; /* the smallest type above that holds the stored values */
    int ndims;
    size_t dim[H5FILE_DIMS];
    size_t count; /* product of dim */
};

bool h5file_has(struct h5file *file, const char *name); /* an array or a group */
enum status h5file_info(struct h5file *file, const char *name,
                        struct h5file_info *info) MUST_CHECK;

/* The number of members of a group. */
enum status h5file_count(struct h5file *file, const char *group,
                         size_t *count) MUST_CHECK;

/* Reads a whole array, converted to `type`; ST_FAIL unless it has `count` elements. */
enum status h5file_read(struct h5file *file, const char *name, enum h5file_type type,
                        size_t count, void *data) MUST_CHECK;
/* Reads rows [first, first + rows) of the leading dimension, of `row` elements each. */
enum status h5file_read_rows(struct h5file *file, const char *name, enum h5file_type type,
                             size_t first, size_t rows, size_t row,
                             void *data) MUST_CHECK;

/* Removes an array or an attribute of a file that is edited; one that does not exist is
   fine. */
enum status h5file_remove(struct h5file *file, const char *name) MUST_CHECK;
enum status h5file_remove_attr(struct h5file *file, const char *object,
                               const char *name) MUST_CHECK;

/* Writes a new array. */
enum status h5file_write(struct h5file *file, const char *name, enum h5file_type type,
                         int ndims, const size_t *dim, const void *data) MUST_CHECK;
/* The same in pieces: creates the array, then writes rows [first, first + rows) of the
   leading dimension, of `row` elements each. What is not written is undefined. */
enum status h5file_create_array(struct h5file *file, const char *name,
                                enum h5file_type type, int ndims,
                                const size_t *dim) MUST_CHECK;
enum status h5file_write_rows(struct h5file *file, const char *name,
                              enum h5file_type type, size_t first, size_t rows,
                              size_t row, const void *data) MUST_CHECK;

/* Attributes of an object ("/" is the root group). Text is stored as fixed-length UTF-8.
   Reading accepts every string type, variable length only in a file that was probed
   (io/h5probe.h). The caller frees the text; h5file_get_texts: fs_free_list. */
bool h5file_has_attr(struct h5file *file, const char *object, const char *name);
enum status h5file_put_text(struct h5file *file, const char *object, const char *name,
                            const char *text) MUST_CHECK;
enum status h5file_get_text(struct h5file *file, const char *object, const char *name,
                            char **text) MUST_CHECK;
enum status h5file_put_texts(struct h5file *file, const char *object, const char *name,
                             char *const *texts, int count) MUST_CHECK;
enum status h5file_get_texts(struct h5file *file, const char *object, const char *name,
                             char ***texts, int *count) MUST_CHECK;
enum status h5file_put_f64(struct h5file *file, const char *object, const char *name,
                           double value) MUST_CHECK;
enum status h5file_get_f64(struct h5file *file, const char *object, const char *name,
                           double *value) MUST_CHECK;
/* An array of numbers; reading: 1 to `most` of them, *count says how many. A single
   number is an array of one. */
enum status h5file_put_f64s(struct h5file *file, const char *object, const char *name,
                            const double *value, int count) MUST_CHECK;
enum status h5file_get_f64s(struct h5file *file, const char *object, const char *name,
                            double *value, int most, int *count) MUST_CHECK;
enum status h5file_put_u64(struct h5file *file, const char *object, const char *name,
                           uint64_t value) MUST_CHECK;
enum status h5file_get_u64(struct h5file *file, const char *object, const char *name,
                           uint64_t *value) MUST_CHECK;
/* A hash is text: 16 hex digits, as the log has them. */
enum status h5file_put_hash(struct h5file *file, const char *object, const char *name,
                            uint64_t hash) MUST_CHECK;
enum status h5file_get_hash(struct h5file *file, const char *object, const char *name,
                            uint64_t *hash) MUST_CHECK;

#endif
