/*
 * kind: what a file is, by its content, so that a message about a file of a wrong kind
 * can name it: "'cat.jpg' is a JPEG image, not an HDF5 file".
 *
 * Every command that refuses an input file for its kind uses kind_refuse.
 */
#ifndef LOCKSTEP_IO_KIND_H
#define LOCKSTEP_IO_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

#define KIND_HEAD_BYTES 4096 /* the first bytes of a file, which decide */
#define KIND_WORDS      64

enum kind_class {
    KIND_OTHER, /* bytes that nothing here knows */
    KIND_EMPTY,
    KIND_FOLDER,
    KIND_SPECIAL, /* neither a file nor a folder: a device, a pipe */
    KIND_IMAGE,   /* also of formats that image_read cannot read */
    KIND_ZIP,     /* of whatever files, but none of the kinds below */
    KIND_ARCHIVE, /* tar, 7z, ...: holds other files */
    KIND_PACKED,  /* gzip, xz, ...: one compressed file */
    KIND_HDF5,
    KIND_SAFETENSORS,
    KIND_NPZ,
    KIND_PICKLE, /* of Python or PyTorch, also in a zip archive */
    KIND_IDX,
    KIND_UTF16, /* text */
    KIND_TEXT,
    KIND_KNOWN, /* another format that has a name: NumPy, PDF, a program, ... */
};

struct kind {
    enum kind_class class;
    char words[KIND_WORDS]; /* stand after "is": "a zip archive", "a folder" */
    const char *advice;     /* what to do with it: "unpack it first"; or NULL */
};

/* By the first bytes of a file (KIND_HEAD_BYTES or all). */
struct kind kind_of_bytes(const uint8_t *data, size_t bytes);

/* The kind of the file at a path. ST_FAIL, with a message, only if it does not exist or
   cannot be read. */
enum status kind_of_file(const char *path, struct kind *kind) MUST_CHECK;

struct h5file;

/* What an HDF5 file is: "a data set". */
const char *kind_of_h5(struct h5file *file);
/* Opens an HDF5 file to tell a data set from a checkpoint. */
void kind_refine(struct kind *kind, const char *path);
/* Has kind_refine found out what kind of file lockstep wrote? False for damaged files and
   those of other programs. */
bool kind_is_known(const struct kind *kind);

/* Reports that the file is not `expected` ("an HDF5 file"), what it is instead, and what
   to do with it. Returns ST_FAIL. An HDF5 file is opened to tell a data set from a
   checkpoint. */
enum status kind_refuse(const char *path, const char *expected) MUST_CHECK;
/* The same for a kind that is known already. */
enum status kind_refuse_as(const struct kind *kind, const char *path,
                           const char *expected) MUST_CHECK;

#endif
