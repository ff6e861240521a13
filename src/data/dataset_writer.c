#include "data/dataset_writer.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "dataset_writer_impl.h"

const struct target_kind dataset_target = {"a data set", .object = "/train/labels"};

static void writer_free(struct dataset_writer *writer)
{
    if (!writer)
        return;
    h5file_close(writer->file);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        free(writer->split[s].block);
        dataset_labels_release(&writer->split[s].labels);
        free(writer->split[s].weights);
        free(writer->split[s].hashes);
        free(writer->split[s].offsets);
        free(writer->split[s].paths);
    }
    dataset_info_release(&writer->info);
    free(writer);
}

enum status writer_create_images(const struct dataset_writer *writer, struct h5file *file,
                                 enum dataset_split split, size_t count)
{
    const struct shape *shape = &writer->info.shape;
    const size_t dim[4] = {count, (size_t)shape->h, (size_t)shape->w, (size_t)shape->c};
    if (writer->info.encoded)
        return h5file_create_array(file, dataset_encoded_name[split], H5FILE_U8, 1,
                                   &writer->split[split].most_bytes);
    return h5file_create_array(file, dataset_images_name[split], H5FILE_U8,
                               shape->c == 1 ? 3 : 4, dim);
}

enum status dataset_writer_open(struct dataset_writer **out, const char *path,
                                const struct dataset_recipe *recipe)
{
    const struct shape shape = recipe->shape;
    *out = NULL;
    ASSERT(shape.h > 0 && shape.w > 0 && (shape.c == 1 || shape.c == DATASET_CHANNELS));
    if (recipe->classes > DATASET_CLASSES_MAX)
        FAIL(ST_FAIL, "%d classes are too many: at most %d are possible", recipe->classes,
             DATASET_CLASSES_MAX);
    struct dataset_writer *writer = mem_zeroed(1, sizeof *writer);
    struct dataset_info *info = &writer->info;
    info->shape = shape;
    info->classes = recipe->classes;
    info->class_name = mem_zeroed((size_t)recipe->classes, sizeof *info->class_name);
    for (int i = 0; i < recipe->classes; i++)
        info->class_name[i] = mem_strdup(recipe->class_name[i]);
    info->source = mem_strdup(recipe->source);
    info->path = mem_strdup(path);
    info->treatment = recipe->treatment;
    info->encoded = recipe->encoded;
    info->multi_label = recipe->multi_label;
    writer->image = dataset_image_bytes(shape);
    enum status st = h5file_create(&writer->file, path);
    for (int s = 0; s < DATASET_SPLITS && st == ST_OK; s++) {
        writer->split[s].most = recipe->most[s];
        writer->split[s].most_bytes =
            recipe->encoded ? recipe->bytes[s] : recipe->most[s] * writer->image;
        if (recipe->most[s] > 0)
            st = writer_create_images(writer, writer->file, s, recipe->most[s]);
    }
    if (st == ST_OK)
        *out = writer;
    else
        writer_free(writer);
    return st;
}

enum status writer_flush(struct dataset_writer *writer, enum dataset_split split)
{
    struct writer_split *s = &writer->split[split];
    size_t row = writer->info.encoded ? 1 : writer->image;
    size_t first = s->written / row, rows = s->pending / row;
    s->written += s->pending;
    s->pending = 0;
    return h5file_write_rows(
        writer->file,
        (writer->info.encoded ? dataset_encoded_name : dataset_images_name)[split],
        H5FILE_U8, first, rows, row, s->block);
}

/* Adds what is stored of an image. A block is written when it is full; a long file has
   one of its own. */
static enum status writer_add_bytes(struct dataset_writer *writer,
                                    enum dataset_split split, const uint8_t *data,
                                    size_t bytes)
{
    struct writer_split *s = &writer->split[split];
    if (s->pending > 0 && s->pending + bytes > WRITER_BLOCK_BYTES)
        TRY(writer_flush(writer, split));
    if (s->pending + bytes > s->block_room) {
        s->block_room = bytes > WRITER_BLOCK_BYTES ? bytes : WRITER_BLOCK_BYTES;
        s->block = mem_resize(s->block, s->block_room, 1);
    }
    memcpy(s->block + s->pending, data, bytes);
    s->pending += bytes;
    return ST_OK;
}

static void writer_make_room(struct writer_split *s, const struct dataset_info *info)
{
    s->room = 2 * s->room + 1024;
    void *labels = s->labels.one ? (void *)s->labels.one : s->labels.set;
    s->labels = dataset_labels_in(
        info, mem_resize(labels, dataset_labels_bytes(info, s->room), 1));
    s->hashes = mem_resize(s->hashes, s->room, sizeof *s->hashes);
    if (s->weights)
        s->weights = mem_resize(s->weights, s->room, sizeof *s->weights);
    if (info->encoded)
        s->offsets = mem_resize(s->offsets, s->room + 1, sizeof *s->offsets);
}

static void writer_put_label(struct writer_split *s, size_t i,
                             const struct dataset_item *item)
{
    if (s->labels.one)
        s->labels.one[i] = (uint16_t)item->label;
    else
        memcpy(s->labels.set + i * s->labels.set_bytes, item->set, s->labels.set_bytes);
}

/* The stored bytes of the next image, its hashes and its label. */
static enum status writer_add_image(struct dataset_writer *writer,
                                    enum dataset_split split,
                                    const struct dataset_item *item)
{
    struct writer_split *s = &writer->split[split];
    size_t i = writer->info.count[split];
    bool encoded = writer->info.encoded;
    const uint8_t *data = encoded ? item->file : item->pixels;
    size_t bytes = encoded ? item->bytes : writer->image,
           before = s->written + s->pending;
    if (bytes > s->most_bytes - before)
        FAIL(ST_FAIL, "'%s' became larger during the import: nothing was written",
             item->path ? item->path : writer->info.source);
    if (i == s->room)
        writer_make_room(s, &writer->info);
    if (encoded) {
        s->offsets[i] = before;
        s->offsets[i + 1] = before + bytes;
    }
    writer_put_label(s, i, item);
    if (s->weights)
        s->weights[i] = 1;
    s->hashes[i] = dataset_row_hash(data, bytes, dataset_labels_key(s->labels, i));
    s->hash = dataset_hash_image(s->hash, data, bytes, s->labels, i);
    return writer_add_bytes(writer, split, data, bytes);
}

static void writer_add_path(struct writer_split *split, const char *path)
{
    size_t bytes = strlen(path) + 1;
    if (split->paths_bytes + bytes > split->paths_room) {
        split->paths_room = 2 * (split->paths_bytes + bytes) + 4096;
        split->paths = mem_resize(split->paths, split->paths_room, 1);
    }
    memcpy(split->paths + split->paths_bytes, path, bytes);
    split->paths_bytes += bytes;
    split->paths_count++;
}

static void writer_count_values(struct dataset_writer *writer, const uint8_t *pixels)
{
    int c = writer->info.shape.c;
    size_t count = writer->image;
    for (size_t i = 0; c == 1 && i < count; i++)
        writer->seen[0][pixels[i]]++;
    for (size_t i = 0; c == DATASET_CHANNELS && i < count; i += DATASET_CHANNELS)
        for (int k = 0; k < DATASET_CHANNELS; k++)
            writer->seen[k][pixels[i + (size_t)k]]++;
}

enum status dataset_writer_put(struct dataset_writer *writer, enum dataset_split split,
                               const struct dataset_item *item)
{
    struct writer_split *s = &writer->split[split];
    size_t *count = &writer->info.count[split];
    ASSERT(*count < s->most && !writer->info.multi_label == !item->set);
    if (!item->set && (item->label < 0 || item->label >= writer->info.classes))
        FAIL(ST_FAIL,
             "label of %s image %zu is out of range: it is class number %d, but there "
             "are %d classes",
             dataset_split_name[split], *count, item->label, writer->info.classes);
    TRY(writer_add_image(writer, split, item));
    if (split == DATASET_TRAIN)
        writer_count_values(writer, item->pixels);
    if (item->path)
        writer_add_path(s, item->path);
    (*count)++;
    return ST_OK;
}

void dataset_writer_weigh(struct dataset_writer *writer, enum dataset_split split,
                          float weight)
{
    struct writer_split *s = &writer->split[split];
    size_t count = writer->info.count[split];
    ASSERT(count > 0);
    if (!s->weights) {
        s->weights = mem_resize(NULL, s->room, sizeof *s->weights);
        for (size_t i = 0; i + 1 < count; i++)
            s->weights[i] = 1;
    }
    s->weights[count - 1] = weight;
}

void dataset_writer_abandon(struct dataset_writer *writer)
{
    writer_free(writer);
}
