/*
 * dataset_info: a file of labelled images, in HDF5: what it holds, and rows of it.
 *
 * Layout: /train/images uint8, contiguous, (N, H, W) for grey and (N, H, W, 3) for RGB
 * images; /train/labels uint8 or uint16 (N); the same under /val (may be missing) and
 * /test; root attributes classes (names), mean and std (of all training pixels on the
 * 0..1 scale: one number, or one for each channel), source, hash (16 hex digits),
 * format_version. In a multi-label set an image has several classes, or none: labels are
 * uint8 (N, ceil(classes / 8)), a set for each image (base/label_set.h). Optional: the
 * attributes treatment and hash_kind; /SPLIT/paths, uint8: the file that each image was
 * made of, each name ended by a NUL; /SPLIT/hashes, uint64 (N): hash_bytes() of each
 * image's stored bytes, seeded with its label, or with the hash of its set;
 * /train/weights, float32 (N): 0 or more: factors of the loss of each image, with their
 * hash as the attribute weights_hash. The network's input is (x / 255 - mean) / std.
 *
 * A set may hold the pictures' files instead of pixels: /SPLIT/encoded uint8, the files
 * one after the other; /SPLIT/offsets uint64 (N + 1), where each begins, and where the
 * last one ends; root attributes height, width, channels. Its images are what
 * treatment_decode() makes of the files, the same bytes as in a set of pixels.
 *
 * The attribute head_hash is the hash of size, classes, mean, std and treatment: of what
 * changes the network's input and is not an image. Sets without it are read as before.
 *
 * Every image is compared with its hash whenever it is read from the file, so that a set
 * of which a copy lost parts is not trained on. A set without hashes is compared with its
 * attribute hash, if this program made that and all images to be used fit into memory;
 * splits that are not used are then read once, too. Where neither is possible, a note
 * says so.
 *
 * format_version is 1 if an older program can read the file: pixels of grey images
 * without /val; 3 in a multi-label set; 2 otherwise. docs/files.md has more.
 */
#ifndef LOCKSTEP_DATA_DATASET_INFO_H
#define LOCKSTEP_DATA_DATASET_INFO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/shape.h"
#include "base/status.h"
#include "data/treatment.h"

#define DATASET_FORMAT      3
#define DATASET_FORMAT_ONE  2     /* of sets that are not multi-label, at most */
#define DATASET_CLASSES_MAX 65536 /* labels are 16-bit */
#define DATASET_CHANNELS    3     /* at most; 1 grey, 3 RGB */

enum dataset_split { DATASET_TRAIN, DATASET_VAL, DATASET_TEST, DATASET_SPLITS };
extern const char *const dataset_split_name[DATASET_SPLITS];

/* The split that is called so; ST_USAGE with the option's name if none is. */
enum status dataset_split_named(const char *name, const char *option,
                                enum dataset_split *split) MUST_CHECK;

/* Bytes of one image's pixels. */
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
    bool encoded;                 /* files, not pixels */
    bool multi_label;             /* an image has several classes, or none */
    size_t bytes[DATASET_SPLITS]; /* of pixels or files */
    double mean[DATASET_CHANNELS], std[DATASET_CHANNELS]; /* [0, shape.c) */
    struct dataset_treatment treatment;
    bool has_paths;   /* of all images */
    bool has_weights; /* of the training images */
    bool has_hashes;  /* of all images */
    bool trusted;     /* set by the caller: nothing is compared with its hash */
    bool has_weights_hash, has_head_hash;
    uint64_t weights_hash;
    uint64_t head_hash; /* of what a network sees beside the images: see above */
    bool hash_known;    /* hash was made by this program, in a way that it can repeat */
    uint64_t hash;      /* of classes, shapes, images and labels */
};

/* The split that training evaluates on and chooses by: val, or test if val is empty. */
enum dataset_split dataset_choosing(const struct dataset_info *info);

/* Checks shapes, types and attributes, not the labels or the hash. Not collective. */
enum status dataset_info_read(struct dataset_info *info, const char *path) MUST_CHECK;
void dataset_info_release(struct dataset_info *info);

/* Reads rows [first, first + n) of a split from the file: images (n, h, w, c) and labels
   (n), which are checked to be below info->classes. Either may be NULL; labels of a
   multi-label set are read by dataset_read_labels. Images are compared with their hashes.
   Opens the file each time: for looking into it, not for training. Not collective. */
enum status dataset_read_rows(const struct dataset_info *info, enum dataset_split split,
                              size_t first, size_t n, uint8_t *images,
                              uint16_t *labels) MUST_CHECK;

/* The labels of n images: a class each or, in a multi-label set, a set each. */
struct dataset_labels {
    uint16_t *one; /* (n); NULL: multi-label */
    uint8_t *set;  /* (n, set_bytes) of base/label_set.h; NULL: not multi-label */
    size_t set_bytes;
};
/* Reads and checks, as above, the labels of rows [first, first + n).
   dataset_labels_release if it succeeds. */
enum status dataset_read_labels(const struct dataset_info *info, enum dataset_split split,
                                size_t first, size_t n,
                                struct dataset_labels *labels) MUST_CHECK;
void dataset_labels_release(struct dataset_labels *labels);
/* The first class of image i from `from` on; -1: no more. For `classes` classes. */
int dataset_labels_next(const struct dataset_labels *labels, size_t i, int classes,
                        int from);

/* Rows as they are stored, with their labels. */
struct dataset_stored {
    uint8_t *data;                /* owned: pixels or files, one after the other */
    uint64_t *offset;             /* owned: (n + 1), where each image begins in data */
    struct dataset_labels labels; /* owned */
};
enum status dataset_read_stored(const struct dataset_info *info, enum dataset_split split,
                                size_t first, size_t n,
                                struct dataset_stored *stored) MUST_CHECK;
void dataset_stored_release(struct dataset_stored *stored);

/* Makes pixels (h, w, c) of the file of an image; ST_FAIL names it. Any thread. */
enum status dataset_decode(const struct dataset_info *info, enum dataset_split split,
                           size_t i, const uint8_t *data, size_t bytes,
                           uint8_t *pixels) MUST_CHECK;

/* The paths of a split's images: (count) strings, fs_free_list. Only if has_paths. */
enum status dataset_read_paths(const struct dataset_info *info, enum dataset_split split,
                               char ***paths) MUST_CHECK;

/* The weights of the training images, (count) of 0 or more, not all 0; compared with
   their hash. Only if has_weights. */
enum status dataset_read_weights(const struct dataset_info *info,
                                 float *weights) MUST_CHECK;

/* "image 17, of 'cats/a.png'", or "image 17" if its file is not known. The caller's. */
char *dataset_image_name(const struct dataset_info *info, enum dataset_split split,
                         size_t i);

#endif
