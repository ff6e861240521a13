/*
 * dataset_writer_impl: a data set in the making. dataset_writer.c takes the images,
 * dataset_writer_finish.c writes what is known in the end.
 */
#ifndef LOCKSTEP_DATA_DATASET_WRITER_IMPL_H
#define LOCKSTEP_DATA_DATASET_WRITER_IMPL_H

#include "data/dataset_writer.h"
#include "dataset_impl.h"
#include "io/h5file.h"

#define WRITER_BLOCK_BYTES \
    ((size_t)1 << 20) /* of images that are written at once, at most */

struct writer_split {
    size_t most;
    uint8_t *block;             /* owned: (block_room), what is not yet written */
    size_t block_room, pending; /* bytes; pending: of them in use */
    size_t written;             /* bytes in the file */
    size_t most_bytes;
    float *weights;               /* owned: (room), or NULL: none was given */
    uint64_t *offsets;            /* owned: (room + 1); encoded */
    struct dataset_labels labels; /* owned: (room) */
    uint64_t *hashes;             /* owned: (room) */
    size_t room;
    char *paths; /* owned: (paths_room), each ends with a NUL */
    size_t paths_bytes, paths_room;
    size_t paths_count;
    uint64_t hash; /* format 2 */
};

struct dataset_writer {
    struct h5file *file;
    struct dataset_info info; /* of what came so far */
    size_t image;
    struct writer_split split[DATASET_SPLITS];
    uint64_t seen[DATASET_CHANNELS][256]; /* how often each value occurs in train */
};

/* The array of a split's images, in the writer's file or another one. */
enum status writer_create_images(const struct dataset_writer *writer, struct h5file *file,
                                 enum dataset_split split, size_t count) MUST_CHECK;
/* Writes what is pending. */
enum status writer_flush(struct dataset_writer *writer,
                         enum dataset_split split) MUST_CHECK;

#endif
