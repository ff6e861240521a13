/* dataset_writer: a whole set from memory, or another one's images in new splits. */
#include "data/dataset_writer.h"

#include <stdlib.h>

#include "base/fs.h"
#include "base/mem.h"
#include "data/sampler.h"
#include "dataset_impl.h"
#include "io/h5file.h"

static enum status dataset_put_split(struct dataset_writer *writer,
                                     const struct dataset_builder *builder,
                                     enum dataset_split split, size_t image)
{
    for (size_t i = 0; i < builder->count[split]; i++)
        TRY(dataset_writer_put(
            writer, split,
            &(struct dataset_item){.pixels = builder->images[split] + i * image,
                                   .label = builder->labels[split][i]}));
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

/* Which images of a stratum (dataset_labels_strata) go to val: those whose place in it,
   shuffled by the seed, is below `val`. */
struct split_quota {
    size_t count, seen, val;
    struct sampler order;
};

static struct split_quota *split_quotas(const struct dataset_info *info,
                                        const int *stratum, double part, uint64_t seed)
{
    struct split_quota *quota = mem_zeroed((size_t)info->classes + 1, sizeof *quota);
    for (size_t i = 0; i < info->count[DATASET_TRAIN]; i++)
        quota[stratum[i]].count++;
    for (int c = 0; c <= info->classes; c++) {
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
static size_t split_assign(const struct dataset_info *info, struct dataset_labels labels,
                           double part, uint64_t seed, enum dataset_split *to)
{
    int *stratum = dataset_labels_strata(info, labels, info->count[DATASET_TRAIN]);
    struct split_quota *quota = split_quotas(info, stratum, part, seed);
    size_t val = 0;
    for (size_t i = 0; i < info->count[DATASET_TRAIN]; i++) {
        struct split_quota *q = &quota[stratum[i]];
        bool moves = sampler_at(&q->order, q->seen++) < q->val;
        to[i] = moves ? DATASET_VAL : DATASET_TRAIN;
        val += moves;
    }
    free(quota);
    free(stratum);
    return val;
}

/* Copies image first + k of a split, which is `stored`. pixels (h, w, c): for its use. */
static enum status split_copy_image(struct dataset_writer *writer,
                                    const struct dataset_info *info,
                                    enum dataset_split split, size_t i,
                                    enum dataset_split to, struct dataset_item *item,
                                    uint8_t *pixels)
{
    item->pixels = item->file;
    if (info->encoded) {
        TRY(dataset_decode(info, split, i, item->file, item->bytes, pixels));
        item->pixels = pixels;
    }
    return dataset_writer_put(writer, to, item);
}

/* Copies a split's images; to NULL: into the split of the same name. */
static enum status split_copy(struct dataset_writer *writer,
                              const struct dataset_info *info, enum dataset_split split,
                              const enum dataset_split *to)
{
    size_t count = info->count[split], image = dataset_image_bytes(info->shape);
    size_t step = SPLIT_BYTES / (count ? info->bytes[split] / count + 1 : 1) + 1;
    uint8_t *pixels = mem_zeroed(image, 1);
    bool weighted = split == DATASET_TRAIN && info->has_weights;
    float *weights = weighted ? mem_zeroed(count, sizeof *weights) : NULL;
    char **paths = NULL;
    enum status st = info->has_paths ? dataset_read_paths(info, split, &paths) : ST_OK;
    if (weighted && st == ST_OK)
        st = dataset_read_weights(info, weights);
    for (size_t i = 0; i < count && st == ST_OK; i += step) {
        size_t rows = count - i < step ? count - i : step;
        struct dataset_stored stored = {0};
        st = dataset_read_stored(info, split, i, rows, &stored);
        for (size_t k = 0; k < rows && st == ST_OK; k++) {
            struct dataset_item item = {
                .file = stored.data + stored.offset[k],
                .bytes = (size_t)(stored.offset[k + 1] - stored.offset[k]),
                .label = stored.labels.one ? stored.labels.one[k] : 0,
                .set = dataset_labels_from(stored.labels, k).set,
                .path = paths ? paths[i + k] : NULL};
            enum dataset_split into = to ? to[i + k] : split;
            st = split_copy_image(writer, info, split, i + k, into, &item, pixels);
            if (weighted && st == ST_OK)
                dataset_writer_weigh(writer, into, weights[i + k]);
        }
        dataset_stored_release(&stored);
    }
    fs_free_list(paths, paths ? (int)count : 0);
    free(weights);
    free(pixels);
    return st;
}

/* Bytes of the files that stay in train, and of those that go to val. */
static enum status split_count_bytes(const struct dataset_info *info,
                                     const enum dataset_split *to,
                                     struct dataset_recipe *recipe)
{
    size_t count = info->count[DATASET_TRAIN];
    struct h5file *file;
    uint64_t *offset = mem_zeroed(count + 1, sizeof *offset);
    enum status st = h5file_open(&file, info->path);
    if (st == ST_OK) {
        st = dataset_read_offsets(file, info, DATASET_TRAIN, 0, count, offset);
        h5file_close(file);
    }
    for (size_t i = 0; st == ST_OK && i < count; i++)
        recipe->bytes[to[i]] += (size_t)(offset[i + 1] - offset[i]);
    recipe->bytes[DATASET_TEST] = info->bytes[DATASET_TEST];
    free(offset);
    return st;
}

static enum status split_rewrite(const struct dataset_info *info,
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
        .multi_label = info->multi_label,
        .encoded = info->encoded,
        .treatment = info->treatment,
    };
    struct dataset_writer *writer;
    if (info->encoded)
        TRY(split_count_bytes(info, to, &recipe));
    TRY(dataset_writer_open(&writer, info->path, &recipe));
    enum status st = split_copy(writer, info, DATASET_TRAIN, to);
    if (st == ST_OK)
        st = split_copy(writer, info, DATASET_TEST, NULL);
    if (st == ST_OK)
        return dataset_writer_finish(writer, true);
    dataset_writer_abandon(writer);
    return st;
}

enum status dataset_split_val(const struct dataset_info *info, double part, uint64_t seed,
                              size_t *moved)
{
    size_t count = info->count[DATASET_TRAIN];
    if (info->count[DATASET_VAL] > 0)
        FAIL(ST_FAIL, "'%s' has %zu val images already", info->path,
             info->count[DATASET_VAL]);
    TRY(dataset_check_head(info));
    TRY(dataset_check_unhashed(info));
    enum dataset_split *to = mem_zeroed(count, sizeof *to);
    struct dataset_labels labels;
    enum status st;
    TRY_TO(done, dataset_read_labels(info, DATASET_TRAIN, 0, count, &labels));
    *moved = split_assign(info, labels, part, seed, to);
    if (*moved == 0)
        TRY_TO(done, status_fail(ST_FAIL,
                                 "%g of the training images of '%s' are none: no class "
                                 "has enough",
                                 part, info->path));
    st = split_rewrite(info, to, *moved);
done:
    dataset_labels_release(&labels);
    free(to);
    return st;
}
