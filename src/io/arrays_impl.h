/*
 * arrays_impl: the table of formats of arrays.h, one entry at the end of each format's
 * file, and what they share: the list of arrays (arrays_list.c) and the numbers' types
 * (arrays_convert.c).
 */
#ifndef LOCKSTEP_IO_ARRAYS_IMPL_H
#define LOCKSTEP_IO_ARRAYS_IMPL_H

#include <stdint.h>

#include "io/arrays.h"
#include "io/kind.h"

#define ARRAYS_EXPECTED "a file of named arrays (safetensors, .npz or HDF5)"
#define ARRAYS_BLOCK    ((size_t)1 << 16) /* bytes that are read at a time */

struct arrays_entry {
    struct array array; /* its name is owned */
    char *stored;  /* owned: the type in the format's own words, for messages; or NULL */
    char *path;    /* owned: HDF5's name of it; or NULL */
    size_t offset; /* by which entries are sorted */
    size_t bytes;  /* from there on, that no other entry may have; 0: not known */
    size_t member; /* number of the .npy file in an archive */
    size_t head;   /* bytes of the .npy file before its numbers */
    bool big_endian, fortran;
};

struct arrays {
    const struct arrays_format *format;
    char *path;
    size_t bytes; /* the file's size when it was opened */
    struct arrays_entry *entry;
    const struct arrays_entry **by_name; /* sorted */
    int count, room;
    void *source; /* the format's own; NULL: nothing is open */
};

struct arrays_format {
    const char *name;
    enum kind_class kind; /* of its files */
    /* Sets source and adds the entries. After a failure, close is called, too. */
    enum status (*open)(struct arrays *file);
    /* Not called for entries without numbers. */
    enum status (*read)(struct arrays *file, const struct arrays_entry *entry,
                        float *values);
    void (*close)(struct arrays *file); /* not called if source is NULL */
    /* Says why an entry of ARRAY_OTHER cannot be read, if it is not the type; or NULL. */
    enum status (*refuse)(struct arrays *file, const struct arrays_entry *entry);
};

extern const struct arrays_format arrays_format_safetensors, arrays_format_npz,
    arrays_format_zip, arrays_format_h5;

/* --- the list --- */

/* Floats of the largest array that is to be written; 1 at least. */
size_t arrays_largest(const struct arrays_request *request);
/* arrays_write as HDF5. */
enum status arrays_write_h5(const char *path,
                            const struct arrays_request *request) MUST_CHECK;

/* Is it a name: UTF-8 of 1 to ARRAYS_NAME - 1 bytes, no control characters? */
bool arrays_is_name(const char *name);
/* The same as a status, for the name of an array of this file. */
enum status arrays_check_name(const struct arrays *file, const char *name) MUST_CHECK;

/* Adds an array of the type ARRAY_OTHER and of this shape; *entry is good until the next
   call. ST_FAIL for a bad name or shape, or too many arrays. */
enum status arrays_add(struct arrays *file, const char *name, int dims, const size_t *dim,
                       struct arrays_entry **entry) MUST_CHECK;

/* Sorts the entries. ST_FAIL if a name is there twice, or two overlap. */
enum status arrays_sort(struct arrays *file) MUST_CHECK;

void arrays_release(struct arrays *file); /* the list, not source */

/* --- numbers --- */

size_t arrays_type_size(enum array_type type); /* bytes; 0 for ARRAY_OTHER */

/* Converts numbers as they come, and puts each in its place. */
struct arrays_fill {
    const struct arrays_entry *entry;
    float *values;             /* (count) in C order */
    size_t done;               /* numbers that have come */
    size_t at;                 /* place of the next one */
    size_t index[ARRAYS_DIMS]; /* the same as a position */
    size_t stride[ARRAYS_DIMS];
};

void arrays_fill_begin(struct arrays_fill *fill, const struct arrays_entry *entry,
                       float *values);
/* The next `count` numbers as the file has them; at most entry->array.count in all. */
void arrays_fill_add(struct arrays_fill *fill, const uint8_t *bytes, size_t count);

/* --- .npy (arrays_npy.c) --- */

#define NPY_PREFIX 12    /* bytes that say how long the header is, at most */
#define NPY_HEADER 10000 /* bytes of a header, at most: NumPy's own limit */
#define NPY_TYPE   24    /* bytes of a type's name, with its NUL */

struct npy_header {
    enum array_type type;
    char stored[NPY_TYPE]; /* the type as NumPy writes it: "<f4" */
    bool big_endian, fortran;
    int dims;
    size_t dim[ARRAYS_DIMS];
};

/* Both return NULL, or what is wrong with the array, to stand after its name: "has ...".
   npy_prefix reads the first NPY_PREFIX bytes: where the header begins, and its bytes. */
const char *npy_prefix(const uint8_t *prefix, size_t *begin, size_t *bytes);
const char *npy_parse(struct npy_header *header, const char *text, size_t bytes);

#endif
