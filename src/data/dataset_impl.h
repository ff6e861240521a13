/*
 * dataset_impl: what the sources of dataset.h share.
 */
#ifndef LOCKSTEP_DATA_DATASET_IMPL_H
#define LOCKSTEP_DATA_DATASET_IMPL_H

#include "data/dataset.h"
#include "data/dataset_verify.h"
#include "dataset_labels.h"

struct h5file;

/* "/train/images", "/test/labels", ... */
extern const char *const dataset_images_name[DATASET_SPLITS];
extern const char *const dataset_labels_name[DATASET_SPLITS];
extern const char *const dataset_paths_name[DATASET_SPLITS];
#define DATASET_WEIGHTS_NAME "/train/weights"
extern const char *const dataset_hashes_name[DATASET_SPLITS];
extern const char *const dataset_encoded_name[DATASET_SPLITS];
extern const char *const dataset_offsets_name[DATASET_SPLITS];

/* Where the stored bytes of images are. */
struct dataset_extent {
    size_t image;           /* bytes of each image, if offset is NULL */
    const uint64_t *offset; /* encoded: of each image, and where the last one ends */
};

static inline uint64_t dataset_at(struct dataset_extent extent, uint64_t i)
{
    return extent.offset ? extent.offset[i] : i * extent.image;
}

/* Bytes of images [first, first + n). */
static inline size_t dataset_extent_bytes(struct dataset_extent extent, uint64_t first,
                                          uint64_t n)
{
    return (size_t)(dataset_at(extent, first + n) - dataset_at(extent, first));
}

/* The extent of the images from `first` on. */
static inline struct dataset_extent dataset_extent_from(struct dataset_extent extent,
                                                        uint64_t first)
{
    return (struct dataset_extent){extent.image,
                                   extent.offset ? extent.offset + first : NULL};
}

/* How many images from `first` on, of `count` in all, are `most` bytes; at least one. */
size_t dataset_block(struct dataset_extent extent, size_t first, size_t count,
                     size_t most);

/* The offsets of images [first, first + n), (n + 1); only if info->encoded. ST_FAIL
   unless each image has at least one byte, within the array. */
enum status dataset_read_offsets(struct h5file *file, const struct dataset_info *info,
                                 enum dataset_split split, size_t first, size_t n,
                                 uint64_t *offset) MUST_CHECK;

/* The stored bytes of images [first, first + n); extent is that of the whole split. */
enum status dataset_read_bytes(struct h5file *file, enum dataset_split split,
                               struct dataset_extent extent, size_t first, size_t n,
                               void *out) MUST_CHECK;

/* --- the hash of each image (dataset_damage.c) --- */

#define DATASET_DAMAGE_ADVICE                                                          \
    "copy or import it again (--no-verify of train, eval, data export and data sheet " \
    "uses it as it is)"

/* Are images compared? */
static inline bool dataset_compares(const struct dataset_info *info)
{
    return info->has_hashes && !info->trusted;
}

/* What is compared: `rows` images from number `first` on. */
struct dataset_rows {
    size_t first, rows;
    struct dataset_extent extent; /* from the first of them on */
    const uint8_t *images;        /* the stored bytes of the first, and so on */
    struct dataset_labels labels; /* borrowed */
    const uint64_t *hashes;
};

/* key: of its labels. */
uint64_t dataset_row_hash(const uint8_t *image, size_t bytes, uint64_t key);
void dataset_damage_add(struct dataset_damage *damage, const struct dataset_rows *rows);

/* ST_FAIL, with a message, if there is damage to the `read` images that were compared. */
enum status dataset_damage_check(const struct dataset_damage *damage,
                                 const struct dataset_info *info,
                                 enum dataset_split split, size_t read) MUST_CHECK;

/* --- the hash of the head (dataset_head.c) --- */

#define DATASET_HEAD_HASH "head_hash" /* the attribute */

uint64_t dataset_head_hash(const struct dataset_info *info);
enum status dataset_put_head_hash(const struct dataset_info *info,
                                  struct h5file *file) MUST_CHECK;

/* --- the weights of the training images (dataset_weights.c) --- */

#define DATASET_WEIGHTS_HASH "weights_hash" /* the attribute */

/* Never 0. */
uint64_t dataset_hash_weights(const float *weights, size_t count);
/* With their hash. ST_FAIL, which names the source, unless they can be used. */
enum status dataset_write_weights(struct h5file *file, const float *weights, size_t count,
                                  const char *source) MUST_CHECK;

/* --- the content hash (dataset_hash.c) --- */

#define DATASET_HASH_KIND "lockstep" /* the attribute hash is that of dataset_hash.c */

/* Continues `hash` with the class names. */
uint64_t dataset_hash_names(const struct dataset_info *info, uint64_t hash);

/* Can a program that knows format 1 only read the set? */
bool dataset_is_format_1(const struct dataset_info *info);

/* The hash of a set of format 2 or 3 that comes image by image: add each one to its
   split's value, which is 0 at first, then combine the splits. */
uint64_t dataset_hash_image(uint64_t split, const uint8_t *pixels, size_t bytes,
                            struct dataset_labels labels, size_t i);
uint64_t dataset_hash_splits(const struct dataset_info *info,
                             const uint64_t split[DATASET_SPLITS]);

/* The content, as far as it is in memory; NULL: it is read from the file. */
struct dataset_content {
    const uint8_t *images[DATASET_SPLITS];
    struct dataset_labels labels[DATASET_SPLITS]; /* borrowed; as images */
};

/* ST_FAIL, with a message, unless the content has info->hash. */
enum status dataset_check_hash(const struct dataset_info *info,
                               const struct dataset_content *loaded) MUST_CHECK;

/* The hash of what the file holds, by either format. Uses info's shape, counts and
   classes, and has_hashes if damage is not NULL. */
enum status dataset_hash_content(struct h5file *file, const struct dataset_info *info,
                                 const struct dataset_content *loaded, uint64_t *hash,
                                 struct dataset_damage *damage) MUST_CHECK;

#endif
