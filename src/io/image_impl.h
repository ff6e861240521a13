/*
 * image_impl: the table of image readers, one entry at the end of each reader's file.
 * image_read (image_read.c) finds the entry by the file's first bytes.
 */
#ifndef LOCKSTEP_IO_IMAGE_IMPL_H
#define LOCKSTEP_IO_IMAGE_IMPL_H

#include <stdio.h>

#include "io/image.h"

#define IMAGE_MAGIC_BYTES 16 /* no pattern is longer */
#define IMAGE_MAGICS      4  /* patterns of one kind, at most */

struct image_magic {
    const char *pattern; /* '?' stands for any byte */
    int length;          /* 0: no more patterns */
};

struct image_reader {
    const char *name; /* "PNG" */
    struct image_magic magic[IMAGE_MAGICS];
    /* `file` is at its beginning and stays open; `path` is for messages. A failure is
       reported and leaves image->pixel NULL. NULL: a kind that cannot be read. */
    enum status (*read)(struct image *image, FILE *file, const char *path);
};

extern const struct image_reader image_reader_png;

#endif
