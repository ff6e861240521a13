/*
 * h5file: named arrays and attributes in an HDF5 file. Only home of <hdf5.h>.
 *
 * Paths are absolute ("/weights/conv1/weight"); groups are made as needed. Numbers are
 * stored little-endian, arrays contiguous and uncompressed, so that h5py, h5dump and
 * numpy.memmap read them. File locking is off (network file systems often lack it),
 * HDF5's own error stack is silent: each function says what failed, in one line, with the
 * file and the object named. Not collective. Threads may work on different files: one is
 * inside HDF5 at a time, and fsync is outside.
 *
 * Reading trusts nothing that a file says of itself. Arrays must be plain numbers in one
 * piece (not chunked, compressed or in another file) that are really there: an extent
 * that h5file_info gives is bounded by the file's size, and memory may be taken for it.
 * Links lead nowhere outside the file, and no filter is loaded for it. What HDF5 itself
 * does with hostile files: io/h5probe.h.
 *
 * Writing: h5file_create opens a temporary file beside `path`; h5file_commit makes it
 * appear under its name, whole (fs_commit); h5file_close without commit removes it.
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

struct h5file; /* owned by the caller: h5file_close */

enum status h5file_open(struct h5file **file,
                        const char *path) MUST_CHECK; /* read only */
enum status h5file_create(struct h5file **file, const char *path) MUST_CHECK;
enum status h5file_commit(struct h5file *file) MUST_CHECK; /* also when it fails: close */
void h5file_close(struct h5file *file);                    /* NULL is fine */

const char *h5file_path(const struct h5file *file);

/* An array's type and extent; dims[0..*ndims). */
struct h5file_info {
    enum h5file_type type; /* nearest of the types above, as stored */
    int ndims;
    size_t dim[H5FILE_DIMS];
    size_t count; /* product of dim */
};

bool h5file_has(struct h5file *file, const char *name); /* dataset or group */
enum status h5file_info(struct h5file *file, const char *name,
                        struct h5file_info *info) MUST_CHECK;

/* How many members a group has. */
enum status h5file_count(struct h5file *file, const char *group,
                         size_t *count) MUST_CHECK;

/* A whole array of `count` elements, converted to `type`; it is refused if the file's has
   another number of them. */
enum status h5file_read(struct h5file *file, const char *name, enum h5file_type type,
                        size_t count, void *data) MUST_CHECK;
/* Rows [first, first + rows) of the leading dimension, of `row` elements each. */
enum status h5file_read_rows(struct h5file *file, const char *name, enum h5file_type type,
                             size_t first, size_t rows, size_t row,
                             void *data) MUST_CHECK;

/* A new array, written whole. */
enum status h5file_write(struct h5file *file, const char *name, enum h5file_type type,
                         int ndims, const size_t *dim, const void *data) MUST_CHECK;

/* Attributes of an object ("/" is the root group). Text is stored as fixed-length UTF-8
   (short texts) and read whatever string type it has, of variable length only from a file
   that was tried (io/h5probe.h); the caller frees. */
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
