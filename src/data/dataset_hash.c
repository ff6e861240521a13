/* dataset: the hash of classes, shapes, images and labels. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "dataset_impl.h"
#include "io/h5file.h"

#define HASH_ROWS  4096 /* format 1: images in a block that is hashed at once */
#define READ_BYTES ((size_t)4 << 20) /* read at once, at most */

bool dataset_is_format_1(const struct dataset_info *info)
{
    return info->shape.c == 1 && info->count[DATASET_VAL] == 0;
}

static uint64_t dataset_hash_names(const struct dataset_info *info, uint64_t hash)
{
    for (int i = 0; i < info->classes; i++)
        hash = hash_bytes(info->class_name[i], strlen(info->class_name[i]) + 1, hash);
    return hash;
}

static uint64_t dataset_hash_head_1(const struct dataset_info *info)
{
    uint64_t head[] = {(uint64_t)info->classes, (uint64_t)info->shape.h,
                       (uint64_t)info->shape.w, info->count[DATASET_TRAIN],
                       info->count[DATASET_TEST]};
    return dataset_hash_names(info, hash_bytes(head, sizeof head, 1));
}

uint64_t dataset_hash_image(uint64_t split, const uint8_t *pixels, size_t bytes,
                            int label)
{
    uint16_t number = (uint16_t)label;
    return hash_bytes(&number, sizeof number, hash_bytes(pixels, bytes, split));
}

uint64_t dataset_hash_splits(const struct dataset_info *info,
                             const uint64_t split[DATASET_SPLITS])
{
    uint64_t head[4 + 2 * DATASET_SPLITS] = {
        (uint64_t)info->classes, (uint64_t)info->shape.h, (uint64_t)info->shape.w,
        (uint64_t)info->shape.c};
    for (int s = 0; s < DATASET_SPLITS; s++) {
        head[4 + s] = info->count[s];
        head[4 + DATASET_SPLITS + s] = split[s];
    }
    return dataset_hash_names(info, hash_bytes(head, sizeof head, 2));
}

struct hash_walk {
    void (*add)(struct hash_walk *walk, const uint8_t *images, size_t first, size_t rows);
    size_t image;
    uint64_t hash;
    struct hash_stream *stream; /* format 1: of the block begun; NULL: none */
    const uint16_t *labels;     /* format 2 */
};

/* The images of a split, passed in pieces to walk->add. */
static enum status hash_walk_split(struct hash_walk *walk, struct h5file *file,
                                   const struct dataset_info *info,
                                   enum dataset_split split)
{
    size_t image = dataset_image_bytes(info->shape), count = info->count[split];
    size_t step = READ_BYTES / image + 1;
    uint8_t *block = mem_zeroed(step < count ? step : count, image);
    enum status st = ST_OK;
    for (size_t i = 0; i < count && st == ST_OK; i += step) {
        size_t rows = count - i < step ? count - i : step;
        st = h5file_read_rows(file, dataset_images_name[split], H5FILE_U8, i, rows, image,
                              block);
        if (st == ST_OK)
            walk->add(walk, block, i, rows);
    }
    free(block);
    return st;
}

static void hash_walk_end_block(struct hash_walk *walk)
{
    if (walk->stream)
        walk->hash = hash_stream_close(walk->stream);
    walk->stream = NULL;
}

/* Format 1: the hash of a block of HASH_ROWS images is the seed of the next one. */
static void hash_walk_add_1(struct hash_walk *walk, const uint8_t *images, size_t first,
                            size_t rows)
{
    for (size_t i = 0; i < rows; i++) {
        if ((first + i) % HASH_ROWS == 0)
            hash_walk_end_block(walk);
        if (!walk->stream)
            walk->stream = hash_stream_open(walk->hash);
        hash_stream_add(walk->stream, images + i * walk->image, walk->image);
    }
}

static void hash_walk_add_2(struct hash_walk *walk, const uint8_t *images, size_t first,
                            size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        walk->hash = dataset_hash_image(walk->hash, images + i * walk->image, walk->image,
                                        walk->labels[first + i]);
}

/* Format 1: head, then for each split its images by blocks, then its labels. */
static enum status dataset_hash_content_1(struct h5file *file,
                                          const struct dataset_info *info, uint64_t *hash)
{
    struct hash_walk walk = {.add = hash_walk_add_1,
                             .image = dataset_image_bytes(info->shape)};
    enum status st = ST_OK;
    walk.hash = dataset_hash_head_1(info);
    for (int s = 0; s < DATASET_SPLITS && st == ST_OK; s++) {
        if (s == DATASET_VAL)
            continue;
        uint16_t *labels = mem_zeroed(info->count[s], sizeof *labels);
        st = hash_walk_split(&walk, file, info, s);
        hash_walk_end_block(&walk);
        if (st == ST_OK)
            st = dataset_read_labels(file, info, s, labels);
        walk.hash = hash_bytes(labels, info->count[s] * sizeof *labels, walk.hash);
        free(labels);
    }
    *hash = walk.hash;
    return st;
}

static enum status dataset_hash_content_2(struct h5file *file,
                                          const struct dataset_info *info, uint64_t *hash)
{
    uint64_t split[DATASET_SPLITS] = {0};
    for (int s = 0; s < DATASET_SPLITS; s++) {
        if (info->count[s] == 0)
            continue;
        uint16_t *labels = mem_zeroed(info->count[s], sizeof *labels);
        struct hash_walk walk = {.add = hash_walk_add_2,
                                 .image = dataset_image_bytes(info->shape),
                                 .labels = labels};
        enum status st = dataset_read_labels(file, info, s, labels);
        if (st == ST_OK)
            st = hash_walk_split(&walk, file, info, s);
        split[s] = walk.hash;
        free(labels);
        TRY(st);
    }
    *hash = dataset_hash_splits(info, split);
    return ST_OK;
}

enum status dataset_hash_content(struct h5file *file, const struct dataset_info *info,
                                 uint64_t *hash)
{
    return dataset_is_format_1(info) ? dataset_hash_content_1(file, info, hash)
                                     : dataset_hash_content_2(file, info, hash);
}

enum status dataset_hash_file(const struct dataset_info *info, uint64_t *hash)
{
    struct h5file *file;
    TRY(h5file_open(&file, info->path));
    enum status st = dataset_hash_content(file, info, hash);
    h5file_close(file);
    return st;
}
