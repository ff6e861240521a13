/* dataset: the hash of classes, shapes, images and labels. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "base/where.h"
#include "dataset_impl.h"
#include "io/h5file.h"

#define HASH_ROWS  4096 /* format 1: images in a block that is hashed at once */
#define READ_BYTES ((size_t)4 << 20) /* read at once, at most */

bool dataset_is_format_1(const struct dataset_info *info)
{
    return info->shape.c == 1 && info->count[DATASET_VAL] == 0 && !info->encoded &&
           !info->multi_label;
}

uint64_t dataset_hash_names(const struct dataset_info *info, uint64_t hash)
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
                            struct dataset_labels labels, size_t i)
{
    uint64_t hash = hash_bytes(pixels, bytes, split);
    if (labels.one)
        return hash_bytes(&labels.one[i], sizeof labels.one[i], hash);
    return hash_bytes(labels.set + i * labels.set_bytes, labels.set_bytes, hash);
}

/* Sets of one kind never have the hash of another kind. */
static uint64_t dataset_hash_seed(const struct dataset_info *info)
{
    return (info->multi_label ? 4 : 2) + (info->encoded ? 1 : 0);
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
    uint64_t hash = hash_bytes(head, sizeof head, dataset_hash_seed(info));
    if (info->encoded) { /* the pixels depend on it */
        char treatment[TREATMENT_TEXT];
        treatment_text(&info->treatment, treatment);
        hash = hash_bytes(treatment, strlen(treatment), hash);
    }
    return dataset_hash_names(info, hash);
}

/* One pass over a file's content. */
struct hash_walk {
    void (*add)(struct hash_walk *walk, const struct dataset_rows *rows);
    struct h5file *file;
    const struct dataset_info *info;
    const struct dataset_content *loaded;
    struct dataset_damage
        *damage; /* (splits); NULL: images have no hashes of their own */
    uint64_t hash;
    struct hash_stream *stream; /* format 1: of the block begun; NULL: none */
    uint8_t *block;             /* owned: (room), images that were read */
    size_t room;
};

/* Images that are in memory, or are read. extent: of the whole split. */
static enum status hash_walk_rows(struct hash_walk *walk, enum dataset_split split,
                                  struct dataset_extent extent, struct dataset_rows *rows)
{
    const uint8_t *loaded = walk->loaded->images[split];
    size_t bytes = dataset_extent_bytes(extent, rows->first, rows->rows);
    if (loaded) {
        rows->images = loaded + dataset_at(extent, rows->first);
    } else {
        if (bytes > walk->room)
            walk->block = mem_resize(walk->block, walk->room = bytes, 1);
        TRY(dataset_read_bytes(walk->file, split, extent, rows->first, rows->rows,
                               walk->block));
        rows->images = walk->block;
    }
    where_mark(WHERE_LOAD); /* shows the waiting ranks that this one advances */
    walk->add(walk, rows);
    if (rows->hashes)
        dataset_damage_add(&walk->damage[split], rows);
    return ST_OK;
}

/* The images of a split, passed in pieces to walk->add. labels and hashes (count). */
static enum status hash_walk_images(struct hash_walk *walk, enum dataset_split split,
                                    struct dataset_labels labels, const uint64_t *hashes)
{
    const struct dataset_info *info = walk->info;
    struct dataset_extent extent = {.image = dataset_image_bytes(info->shape)};
    size_t count = info->count[split];
    uint64_t *offset = NULL;
    enum status st = ST_OK;
    if (info->encoded) {
        extent.offset = offset = mem_zeroed(count + 1, sizeof *offset);
        st = dataset_read_offsets(walk->file, info, split, 0, count, offset);
    }
    for (size_t i = 0, n; i < count && st == ST_OK; i += n) {
        n = dataset_block(extent, i, count, READ_BYTES);
        struct dataset_rows rows = {
            .first = i,
            .rows = n,
            .extent = dataset_extent_from(extent, i),
            .labels = dataset_labels_from(labels, i),
            .hashes = hashes ? hashes + i : NULL,
        };
        st = hash_walk_rows(walk, split, extent, &rows);
    }
    free(offset);
    return st;
}

/* Also adds the labels, with walk->end. */
static enum status hash_walk_split(struct hash_walk *walk, enum dataset_split split,
                                   void (*end)(struct hash_walk *walk,
                                               struct dataset_labels labels,
                                               size_t count))
{
    size_t count = walk->info->count[split];
    struct dataset_labels labels = walk->loaded->labels[split], own = {0};
    uint64_t *hashes = NULL;
    enum status st = ST_OK;
    if (!labels.one && !labels.set) {
        labels = own = dataset_labels_create(walk->info, count);
        TRY_TO(out, dataset_labels_read(walk->file, walk->info, split, 0, count, labels));
    }
    if (walk->damage && count > 0) {
        hashes = mem_zeroed(count, sizeof *hashes);
        TRY_TO(out, h5file_read(walk->file, dataset_hashes_name[split], H5FILE_U64, count,
                                hashes));
    }
    st = hash_walk_images(walk, split, labels, hashes);
    end(walk, labels, count);
out:
    dataset_labels_release(&own);
    free(hashes);
    return st;
}

static void hash_walk_end_block(struct hash_walk *walk)
{
    if (walk->stream)
        walk->hash = hash_stream_close(walk->stream);
    walk->stream = NULL;
}

/* Format 1: the hash of a block of HASH_ROWS images is the seed of the next one. */
static void hash_walk_add_1(struct hash_walk *walk, const struct dataset_rows *rows)
{
    for (size_t i = 0; i < rows->rows; i++) {
        if ((rows->first + i) % HASH_ROWS == 0)
            hash_walk_end_block(walk);
        if (!walk->stream)
            walk->stream = hash_stream_open(walk->hash);
        hash_stream_add(walk->stream, rows->images + i * rows->extent.image,
                        rows->extent.image);
    }
}

static void hash_walk_end_1(struct hash_walk *walk, struct dataset_labels labels,
                            size_t count)
{
    hash_walk_end_block(walk);
    walk->hash = hash_bytes(labels.one, count * sizeof *labels.one, walk->hash);
}

static void hash_walk_add_2(struct hash_walk *walk, const struct dataset_rows *rows)
{
    uint64_t begin = dataset_at(rows->extent, 0);
    for (size_t i = 0; i < rows->rows; i++)
        walk->hash = dataset_hash_image(
            walk->hash, rows->images + (dataset_at(rows->extent, i) - begin),
            dataset_extent_bytes(rows->extent, i, 1), rows->labels, i);
}

static void hash_walk_end_2(struct hash_walk *walk, struct dataset_labels labels,
                            size_t count)
{
    (void)walk, (void)labels, (void)count;
}

/* Format 1: head, then for each split its images by blocks, then its labels. */
static enum status hash_walk_all_1(struct hash_walk *walk)
{
    walk->add = hash_walk_add_1;
    walk->hash = dataset_hash_head_1(walk->info);
    TRY(hash_walk_split(walk, DATASET_TRAIN, hash_walk_end_1));
    return hash_walk_split(walk, DATASET_TEST, hash_walk_end_1);
}

static enum status hash_walk_all_2(struct hash_walk *walk)
{
    uint64_t split[DATASET_SPLITS] = {0};
    walk->add = hash_walk_add_2;
    for (int s = 0; s < DATASET_SPLITS; s++) {
        walk->hash = 0;
        if (walk->info->count[s] > 0)
            TRY(hash_walk_split(walk, s, hash_walk_end_2));
        split[s] = walk->hash;
    }
    walk->hash = dataset_hash_splits(walk->info, split);
    return ST_OK;
}

enum status dataset_hash_content(struct h5file *file, const struct dataset_info *info,
                                 const struct dataset_content *loaded, uint64_t *hash,
                                 struct dataset_damage *damage)
{
    struct hash_walk walk = {.file = file,
                             .info = info,
                             .loaded = loaded,
                             .damage = info->has_hashes ? damage : NULL};
    enum status st =
        dataset_is_format_1(info) ? hash_walk_all_1(&walk) : hash_walk_all_2(&walk);
    free(walk.block);
    *hash = walk.hash;
    return st;
}

enum status dataset_hash_file(const struct dataset_info *info, uint64_t *hash,
                              struct dataset_damage damage[DATASET_SPLITS])
{
    const struct dataset_content nothing = {0};
    struct h5file *file;
    for (int s = 0; damage && s < DATASET_SPLITS; s++)
        damage[s] = (struct dataset_damage){0};
    TRY(h5file_open(&file, info->path));
    enum status st = dataset_hash_content(file, info, &nothing, hash, damage);
    h5file_close(file);
    return st;
}

enum status dataset_check_hash(const struct dataset_info *info,
                               const struct dataset_content *loaded)
{
    struct h5file *file;
    uint64_t found;
    TRY(h5file_open(&file, info->path));
    enum status st = dataset_hash_content(file, info, loaded, &found, NULL);
    h5file_close(file);
    if (st == ST_OK && found != info->hash)
        FAIL(ST_FAIL,
             "'%s' is damaged: its images, labels or classes are not as they were "
             "written; " DATASET_DAMAGE_ADVICE,
             info->path);
    return st;
}

enum status dataset_check_unhashed(const struct dataset_info *info)
{
    const struct dataset_content nothing = {0};
    if (info->has_hashes || info->trusted || !info->hash_known)
        return ST_OK;
    return dataset_check_hash(info, &nothing);
}
