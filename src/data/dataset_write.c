/* dataset_writer: a whole set from memory, or another one's images in new splits. */
#include "data/dataset_writer.h"

#include <stdlib.h>

#include "base/fs.h"
#include "base/mem.h"
#include "data/sampler.h"
#include "dataset_impl.h"

static enum status dataset_put_split(struct dataset_writer *writer,
                                     const struct dataset_builder *builder,
                                     enum dataset_split split, size_t image)
{
    for (size_t i = 0; i < builder->count[split]; i++)
        TRY(dataset_writer_put(writer, split, builder->images[split] + i * image,
                               builder->labels[split][i], NULL));
    return ST_OK;
}

enum status dataset_write(const struct dataset_builder *builder, const char *path,
                          bool allow_empty)
{
    struct dataset_recipe recipe = {
        .shape = {builder->h, builder->w, builder->c ? builder->c : 1},
        .classes = builder->classes,
        .class_name = builder->class_name,
        .source = builder->source,
        .treatment = builder->treatment,
    };
    struct dataset_writer *writer;
    enum status st = ST_OK;
    for (int s = 0; s < DATASET_SPLITS; s++)
        recipe.most[s] = builder->count[s];
    TRY(dataset_writer_open(&writer, path, &recipe));
    for (int s = 0; s < DATASET_SPLITS && st == ST_OK; s++)
        st = dataset_put_split(writer, builder, s, dataset_image_bytes(recipe.shape));
    if (st == ST_OK)
        return dataset_writer_finish(writer, allow_empty);
    dataset_writer_abandon(writer);
    return st;
}

void dataset_builder_release(struct dataset_builder *builder)
{
    for (int s = 0; s < DATASET_SPLITS; s++) {
        free(builder->images[s]);
        free(builder->labels[s]);
    }
    fs_free_list(builder->class_name, builder->classes);
    free(builder->source);
    *builder = (struct dataset_builder){0};
}

/* --- a validation split for an existing file --- */

#define SPLIT_BYTES ((size_t)4 << 20) /* of images read at once */

/* Which images of a class go to val: those whose place in the class, shuffled by the
   seed, is below `val`. */
struct split_quota {
    size_t count, seen, val;
    struct sampler order;
};

static struct split_quota *split_quotas(const struct dataset_info *info,
                                        const uint16_t *labels, double part,
                                        uint64_t seed)
{
    struct split_quota *quota = mem_zeroed((size_t)info->classes, sizeof *quota);
    for (size_t i = 0; i < info->count[DATASET_TRAIN]; i++)
        quota[labels[i]].count++;
    for (int c = 0; c < info->classes; c++) {
        struct split_quota *q = &quota[c];
        if (q->count == 0)
            continue;
        q->val = (size_t)((double)q->count * part + 0.5);
        if (q->val >= q->count)
            q->val = q->count - 1;
        sampler_init(&q->order, seed, (uint32_t)c, q->count);
    }
    return quota;
}

/* to[i]: the split that training image i goes to. Returns how many go to val. */
static size_t split_assign(const struct dataset_info *info, const uint16_t *labels,
                           double part, uint64_t seed, enum dataset_split *to)
{
    struct split_quota *quota = split_quotas(info, labels, part, seed);
    size_t val = 0;
    for (size_t i = 0; i < info->count[DATASET_TRAIN]; i++) {
        struct split_quota *q = &quota[labels[i]];
        bool moves = sampler_at(&q->order, q->seen++) < q->val;
        to[i] = moves ? DATASET_VAL : DATASET_TRAIN;
        val += moves;
    }
    free(quota);
    return val;
}

/* Copies a split's images; to NULL: into the split of the same name. */
static enum status split_copy(struct dataset_writer *writer,
                              const struct dataset_info *info, enum dataset_split split,
                              const uint16_t *labels, const enum dataset_split *to)
{
    size_t count = info->count[split], image = dataset_image_bytes(info->shape);
    size_t step = SPLIT_BYTES / image + 1;
    uint8_t *block = mem_zeroed(step < count ? step : count, image);
    char **paths = NULL;
    enum status st = info->has_paths ? dataset_read_paths(info, split, &paths) : ST_OK;
    for (size_t i = 0; i < count && st == ST_OK; i += step) {
        size_t rows = count - i < step ? count - i : step;
        st = dataset_read_rows(info, split, i, rows, block, NULL);
        for (size_t k = 0; k < rows && st == ST_OK; k++)
            st = dataset_writer_put(writer, to ? to[i + k] : split, block + k * image,
                                    labels[i + k], paths ? paths[i + k] : NULL);
    }
    fs_free_list(paths, paths ? (int)count : 0);
    free(block);
    return st;
}

static enum status split_rewrite(const struct dataset_info *info,
                                 uint16_t *labels[DATASET_SPLITS],
                                 const enum dataset_split *to, size_t val)
{
    struct dataset_recipe recipe = {
        .shape = info->shape,
        .classes = info->classes,
        .class_name = info->class_name,
        .source = info->source,
        .most = {[DATASET_TRAIN] = info->count[DATASET_TRAIN] - val,
                 [DATASET_VAL] = val,
                 [DATASET_TEST] = info->count[DATASET_TEST]},
        .treatment = info->treatment,
    };
    struct dataset_writer *writer;
    TRY(dataset_writer_open(&writer, info->path, &recipe));
    enum status st = split_copy(writer, info, DATASET_TRAIN, labels[DATASET_TRAIN], to);
    if (st == ST_OK)
        st = split_copy(writer, info, DATASET_TEST, labels[DATASET_TEST], NULL);
    if (st == ST_OK)
        return dataset_writer_finish(writer, true);
    dataset_writer_abandon(writer);
    return st;
}

enum status dataset_split_val(const struct dataset_info *info, double part, uint64_t seed,
                              size_t *moved)
{
    TRY(dataset_check_unhashed(info));
    uint16_t *labels[DATASET_SPLITS] = {0};
    enum dataset_split *to = mem_zeroed(info->count[DATASET_TRAIN], sizeof *to);
    enum status st = ST_OK;
    if (info->count[DATASET_VAL] > 0)
        TRY_TO(done, status_fail(ST_FAIL, "'%s' has %zu val images already", info->path,
                                 info->count[DATASET_VAL]));
    for (int s = 0; s < DATASET_SPLITS; s++) {
        labels[s] = mem_zeroed(info->count[s], sizeof *labels[s]);
        if (info->count[s] > 0)
            TRY_TO(done, dataset_read_rows(info, s, 0, info->count[s], NULL, labels[s]));
    }
    *moved = split_assign(info, labels[DATASET_TRAIN], part, seed, to);
    if (*moved == 0)
        TRY_TO(done, status_fail(ST_FAIL,
                                 "%g of the training images of '%s' are none: no class "
                                 "has enough",
                                 part, info->path));
    st = split_rewrite(info, labels, to, *moved);
done:
    for (int s = 0; s < DATASET_SPLITS; s++)
        free(labels[s]);
    free(to);
    return st;
}
