/*
 * dataset: labelled images in one HDF5 file.
 *
 * Layout: /train/images uint8, contiguous, (N, H, W) for grey and (N, H, W, 3) for RGB
 * images; /train/labels uint8 or uint16 (N); the same under /val (may be missing) and
 * /test; root attributes classes (names), mean and std (of all training pixels on the
 * 0..1 scale: one number, or one for each channel), source, hash (16 hex digits),
 * format_version. Optional: the attributes treatment and hash_kind, and /SPLIT/paths,
 * uint8: the file that each image was made of, each name ended by a NUL;
 * /train/weights, float32 (N): weights from a list, which training does not use yet. The
 * network's input is (x / 255 - mean) / std.
 *
 * format_version is 1 if an older program can read the file: grey images without /val. It
 * is 2 otherwise. docs/files.md has more.
 */
#ifndef LOCKSTEP_DATA_DATASET_H
#define LOCKSTEP_DATA_DATASET_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/shape.h"
#include "base/status.h"
#include "data/treatment.h"

struct comm;

#define DATASET_FORMAT      2
#define DATASET_CLASSES_MAX 65536 /* labels are 16-bit */
#define DATASET_CHANNELS    3     /* at most; 1 grey, 3 RGB */

enum dataset_split { DATASET_TRAIN, DATASET_VAL, DATASET_TEST, DATASET_SPLITS };
extern const char *const dataset_split_name[DATASET_SPLITS];

/* The split that is called so; ST_USAGE with the option's name if none is. */
enum status dataset_split_named(const char *name, const char *option,
                                enum dataset_split *split) MUST_CHECK;

/* Bytes of one image. */
static inline size_t dataset_image_bytes(struct shape shape)
{
    return (size_t)shape.h * (size_t)shape.w * (size_t)shape.c;
}

/* Everything in a file except images, labels and paths. */
struct dataset_info {
    char *path;        /* owned */
    char *source;      /* owned */
    char **class_name; /* owned: (classes) strings */
    int classes;
    struct shape shape; /* of an image; c is 1 or 3 */
    size_t count[DATASET_SPLITS];
    double mean[DATASET_CHANNELS], std[DATASET_CHANNELS]; /* [0, shape.c) */
    struct dataset_treatment treatment;
    bool has_paths;   /* of all images */
    bool has_weights; /* of the training images */
    bool hash_known;  /* hash was made by this program, in a way that it can repeat */
    uint64_t hash;    /* of classes, shapes, images and labels */
};

/* The split that training evaluates on and chooses by: val, or test if val is empty. */
enum dataset_split dataset_choosing(const struct dataset_info *info);

/* Checks shapes, types and attributes, not the labels or the hash. Not collective. */
enum status dataset_info_read(struct dataset_info *info, const char *path) MUST_CHECK;
void dataset_info_release(struct dataset_info *info);

/* Reads rows [first, first + n) of a split from the file: images (n, h, w, c) and labels
   (n), which are checked to be below info->classes. Either may be NULL. Opens the file
   each time: for looking into it, not for training. Not collective. */
enum status dataset_read_rows(const struct dataset_info *info, enum dataset_split split,
                              size_t first, size_t n, uint8_t *images,
                              uint16_t *labels) MUST_CHECK;

/* The paths of a split's images: (count) strings, fs_free_list. Only if has_paths. */
enum status dataset_read_paths(const struct dataset_info *info, enum dataset_split split,
                               char ***paths) MUST_CHECK;

/* The weights of the training images, (count) of 0 or more. Only if has_weights. */
enum status dataset_read_weights(const struct dataset_info *info,
                                 float *weights) MUST_CHECK;

/* Computes the hash of the file's present content, to be compared with info->hash. If the
   two differ and hash_known is not set, another program made up the hash, and nothing is
   known about the content. */
enum status dataset_hash_file(const struct dataset_info *info, uint64_t *hash) MUST_CHECK;

/* --- using one, by all ranks of a run --- */

/* Some splits, readable by every rank. Resident: one copy of the images per node in
   shared memory, if they fit into memory_limit bytes (0: half of the node's memory). Not
   resident: images are fetched from the file. Labels are always in shared memory. */
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
/* The same for training: train, and the split of dataset_choosing. */
enum status dataset_open_training(struct dataset *dataset, struct comm *comm,
                                  const char *path, size_t memory_limit) MUST_CHECK;
void dataset_close(struct dataset *dataset); /* collective */

/* true: dataset_image is valid; false: images must be fetched. */
bool dataset_resident(const struct dataset *dataset, enum dataset_split split);

/* The image (h, w, c) of sample i, only if resident, and its label. Any thread. */
const uint8_t *dataset_image(const struct dataset *dataset, enum dataset_split split,
                             size_t i);
int dataset_label(const struct dataset *dataset, enum dataset_split split, size_t i);
/* The class of all images of a split; -1 if there are several, or no images. */
int dataset_only_class(const struct dataset *dataset, enum dataset_split split);

/* Progress of a fetch, shared with the threads that wait for it. */
struct dataset_reading {
    _Atomic uint64_t rows; /* read so far; changes as long as the fetch advances */
    atomic_bool quit;      /* set by a waiting thread: return soon, with ST_AGAIN */
};

/* Only if not resident: reads samples index[0..n) into images (n, h, w, c), in that
   order. reading may be NULL. One thread at a time for each split; not collective. */
enum status dataset_fetch(struct dataset *dataset, enum dataset_split split,
                          const uint64_t *index, size_t n, uint8_t *images,
                          struct dataset_reading *reading) MUST_CHECK;
/* Allocates what a fetch of n samples needs; otherwise dataset_fetch does. */
void dataset_reserve(struct dataset *dataset, enum dataset_split split, size_t n);

#endif
