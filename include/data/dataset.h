/*
 * dataset: images to classify, in one HDF5 file.
 *
 * Layout (format_version 1): /train/images uint8 (N, H, W), ink or object bright on dark,
 * contiguous; /train/labels uint8 or uint16 (N); the same under /test; root attributes
 * classes (names), mean and std (of all training pixels on the 0..1 scale), source, hash
 * (16 hex digits), format_version. The network sees (x / 255 - mean) / std.
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

/* What a file says of itself, without the images. */
struct dataset_info {
    char *path;   /* owned */
    char *source; /* owned */
    char **class_name;
    int classes;
    int h, w;
    size_t count[DATASET_SPLITS];
    double mean, std;
    uint64_t hash; /* of classes, shapes, images and labels */
};

/* Is this HDF5 file a data set at all? (for `lockstep show`) */
enum status dataset_info_read(struct dataset_info *info, const char *path) MUST_CHECK;
void dataset_info_release(struct dataset_info *info);

/* Rows [first, first + n) of a split, from the file: images (n, h, w) and labels (n), all
   of them classes, either of which may be NULL. For looking into a file; not collective.
 */
enum status dataset_read_rows(const struct dataset_info *info, enum dataset_split split,
                              size_t first, size_t n, uint8_t *images,
                              uint16_t *labels) MUST_CHECK;

/* The hash of what the file holds now, to be compared with info->hash. */
enum status dataset_hash_file(const struct dataset_info *info, uint64_t *hash) MUST_CHECK;

/* --- making one --- */

/* A whole data set in memory, as importers and the synthesiser fill it. */
struct dataset_builder {
    int h, w, classes;
    char **class_name; /* owned strings, owned array */
    char *source;      /* owned */
    size_t count[DATASET_SPLITS];
    uint8_t *images[DATASET_SPLITS];  /* owned: (count, h, w) */
    uint16_t *labels[DATASET_SPLITS]; /* owned: (count) */
};
/* Checks it (labels in range, no class without training images unless allow_empty, at
   least one training image), computes mean, std and hash, writes it atomically. */
enum status dataset_write(const struct dataset_builder *builder, const char *path,
                          bool allow_empty) MUST_CHECK;
void dataset_builder_release(struct dataset_builder *builder);

/* --- using one, by all ranks of a run --- */

/* The images of one or both splits, readable by every rank: one copy per node in shared
   memory if they fit into memory_limit bytes (0: half of the node's memory), else read
   from the file when asked for. */
struct dataset {
    struct dataset_info info;
    size_t memory_left; /* bytes of the limit, on each node, that no images take */
    /* private: */
    struct dataset_store *store[DATASET_SPLITS];
};

/* Collective over comm. Only splits with want[split] are loaded. */
enum status dataset_open(struct dataset *dataset, struct comm *comm, const char *path,
                         const bool want[DATASET_SPLITS], size_t memory_limit) MUST_CHECK;
void dataset_close(struct dataset *dataset); /* collective */

/* Are the images in memory (dataset_image is valid), or must they be fetched? */
bool dataset_resident(const struct dataset *dataset, enum dataset_split split);

/* Resident: the image (h, w) and label of sample i. Any thread. */
const uint8_t *dataset_image(const struct dataset *dataset, enum dataset_split split,
                             size_t i);
int dataset_label(const struct dataset *dataset, enum dataset_split split, size_t i);

/* A fetch, for those who wait for it. */
struct dataset_reading {
    _Atomic uint64_t rows; /* read so far: it is slow, but it moves */
    atomic_bool quit;      /* set by them: give up soon, with ST_AGAIN */
};

/* Not resident: read samples index[0..n) into images (n, h, w), in that order; labels
   stay resident always. One thread at a time for each split, not collective. Allocates
   at the first call, or before: dataset_reserve. reading may be NULL. */
enum status dataset_fetch(struct dataset *dataset, enum dataset_split split,
                          const uint64_t *index, size_t n, uint8_t *images,
                          struct dataset_reading *reading) MUST_CHECK;
void dataset_reserve(struct dataset *dataset, enum dataset_split split, size_t n);

#endif
