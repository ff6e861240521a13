/*
 * dataset: labelled images in one HDF5 file.
 *
 * Layout (format_version 1): /train/images uint8 (N, H, W), contiguous, the object bright
 * on a dark background; /train/labels uint8 or uint16 (N); the same under /test; root
 * attributes classes (names), mean and std (of all training pixels on the 0..1 scale),
 * source, hash (16 hex digits), format_version. The network's input is
 * (x / 255 - mean) / std.
 */
#ifndef LOCKSTEP_DATA_DATASET_H
#define LOCKSTEP_DATA_DATASET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct comm;

#define DATASET_FORMAT      1
#define DATASET_CLASSES_MAX 65536 /* labels are 16-bit */

enum dataset_split { DATASET_TRAIN, DATASET_TEST, DATASET_SPLITS };
extern const char *const dataset_split_name[DATASET_SPLITS];

/* Bytes of one image of h x w pixels. */
static inline size_t dataset_image_bytes(int h, int w)
{
    return (size_t)h * (size_t)w;
}

/* Everything in a file except images and labels. */
struct dataset_info {
    char *path;        /* owned */
    char *source;      /* owned */
    char **class_name; /* owned: (classes) strings */
    int classes;
    int h, w;
    size_t count[DATASET_SPLITS];
    double mean, std;
    uint64_t hash; /* of classes, shapes, images and labels */
};

/* Checks shapes, types and attributes, not the labels or the hash. Not collective. */
enum status dataset_info_read(struct dataset_info *info, const char *path) MUST_CHECK;
void dataset_info_release(struct dataset_info *info);

/* Reads rows [first, first + n) of a split from the file: images (n, h, w) and labels
   (n), which are checked to be below info->classes. Either may be NULL. Opens the file
   each time: for looking into it, not for training. Not collective. */
enum status dataset_read_rows(const struct dataset_info *info, enum dataset_split split,
                              size_t first, size_t n, uint8_t *images,
                              uint16_t *labels) MUST_CHECK;

/* Computes the hash of the file's present content, to be compared with info->hash. */
enum status dataset_hash_file(const struct dataset_info *info, uint64_t *hash) MUST_CHECK;

/* --- making one --- */

/* A whole data set in memory, filled by the importers or the synthesiser. */
struct dataset_builder {
    int h, w, classes;
    char **class_name; /* owned strings, owned array */
    char *source;      /* owned */
    size_t count[DATASET_SPLITS];
    uint8_t *images[DATASET_SPLITS];  /* owned: (count, h, w) */
    uint16_t *labels[DATASET_SPLITS]; /* owned: (count) */
};

/* Checks it (labels in range, at least one training image, and one for each class unless
   allow_empty), computes mean, std and hash, and writes it atomically. */
enum status dataset_write(const struct dataset_builder *builder, const char *path,
                          bool allow_empty) MUST_CHECK;
void dataset_builder_release(struct dataset_builder *builder);

/* --- using one, by all ranks of a run --- */

/* One or both splits, readable by every rank. Resident: one copy of the images per node
   in shared memory, if they fit into memory_limit bytes (0: half of the node's memory).
   Not resident: images are fetched from the file. Labels are always in shared memory. */
struct dataset {
    struct dataset_info info;
    size_t memory_left; /* bytes of the limit, on each node, that images do not use */
    /* private: */
    struct dataset_store *store[DATASET_SPLITS];
};

/* Opens the splits with want[split]. Rank 0 reads the description; ST_FAIL on every rank
   if any rank fails. Collective over comm. */
enum status dataset_open(struct dataset *dataset, struct comm *comm, const char *path,
                         const bool want[DATASET_SPLITS], size_t memory_limit) MUST_CHECK;
void dataset_close(struct dataset *dataset); /* collective */

/* true: dataset_image is valid; false: images must be fetched. */
bool dataset_resident(const struct dataset *dataset, enum dataset_split split);

/* The image (h, w) of sample i, only if resident, and its label. Any thread. */
const uint8_t *dataset_image(const struct dataset *dataset, enum dataset_split split,
                             size_t i);
int dataset_label(const struct dataset *dataset, enum dataset_split split, size_t i);

/* Progress of a fetch, shared with the threads that wait for it. */
struct dataset_reading {
    _Atomic uint64_t rows; /* read so far; changes as long as the fetch advances */
    atomic_bool quit;      /* set by a waiting thread: return soon, with ST_AGAIN */
};

/* Only if not resident: reads samples index[0..n) into images (n, h, w), in that order.
   reading may be NULL. One thread at a time for each split; not collective. */
enum status dataset_fetch(struct dataset *dataset, enum dataset_split split,
                          const uint64_t *index, size_t n, uint8_t *images,
                          struct dataset_reading *reading) MUST_CHECK;
/* Allocates what a fetch of n samples needs; otherwise dataset_fetch does. */
void dataset_reserve(struct dataset *dataset, enum dataset_split split, size_t n);

#endif
