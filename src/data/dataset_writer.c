#include "data/dataset_writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "dataset_impl.h"
#include "io/h5file.h"

#define WRITER_BLOCK_BYTES \
    ((size_t)1 << 20)        /* of images that are written at once, at most */
#define HASH_KIND "lockstep" /* the hash is that of src/data/dataset_hash.c */

struct writer_split {
    size_t most;
    uint8_t *block;             /* owned: (block_room), what is not yet written */
    size_t block_room, pending; /* bytes; pending: of them in use */
    size_t written;             /* bytes in the file */
    size_t most_bytes;
    uint64_t *offsets; /* owned: (room + 1); encoded */
    uint16_t *labels;  /* owned: (room) */
    uint64_t *hashes;  /* owned: (room) */
    size_t room;
    char *paths; /* owned: (paths_room), each ends with a NUL */
    size_t paths_bytes, paths_room;
    size_t paths_count;
    uint64_t hash; /* format 2 */
};

struct dataset_writer {
    struct h5file *file;
    struct dataset_info info; /* of what came so far */
    size_t image;
    struct writer_split split[DATASET_SPLITS];
    uint64_t seen[DATASET_CHANNELS][256]; /* how often each value occurs in train */
};

static void writer_free(struct dataset_writer *writer)
{
    if (!writer)
        return;
    h5file_close(writer->file);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        free(writer->split[s].block);
        free(writer->split[s].labels);
        free(writer->split[s].hashes);
        free(writer->split[s].offsets);
        free(writer->split[s].paths);
    }
    dataset_info_release(&writer->info);
    free(writer);
}

static enum status writer_create_images(const struct dataset_writer *writer,
                                        struct h5file *file, enum dataset_split split,
                                        size_t count)
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

static enum status writer_flush(struct dataset_writer *writer, enum dataset_split split)
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
    if (i == s->room) {
        s->room = 2 * s->room + 1024;
        s->labels = mem_resize(s->labels, s->room, sizeof *s->labels);
        s->hashes = mem_resize(s->hashes, s->room, sizeof *s->hashes);
        if (encoded)
            s->offsets = mem_resize(s->offsets, s->room + 1, sizeof *s->offsets);
    }
    if (encoded) {
        s->offsets[i] = before;
        s->offsets[i + 1] = before + bytes;
    }
    s->labels[i] = (uint16_t)item->label;
    s->hashes[i] = dataset_row_hash(data, bytes, item->label);
    s->hash = dataset_hash_image(s->hash, data, bytes, item->label);
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
    ASSERT(*count < s->most);
    if (item->label < 0 || item->label >= writer->info.classes)
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

/* --- the end --- */

static enum status writer_check_classes(const struct dataset_writer *writer)
{
    const struct dataset_info *info = &writer->info;
    size_t *per_class = mem_zeroed((size_t)info->classes, sizeof *per_class);
    int empty = 0, first = -1;
    for (size_t i = 0; i < info->count[DATASET_TRAIN]; i++)
        per_class[writer->split[DATASET_TRAIN].labels[i]]++;
    for (int c = info->classes - 1; c >= 0; c--) {
        if (per_class[c] == 0) {
            empty++;
            first = c;
        }
    }
    free(per_class);
    if (empty)
        FAIL(ST_FAIL,
             "class '%s' has no training images (%d of %d classes are empty); "
             "use --allow-empty to accept this",
             info->class_name[first], empty, info->classes);
    return ST_OK;
}

/* Of all training pixels, on the 0..1 scale. The sums are of integers and exact. A
   channel of one value has std 1: the network sees 0 there. */
static enum status writer_mean_and_std(struct dataset_writer *writer)
{
    struct dataset_info *info = &writer->info;
    int channels = info->shape.c, flat = 0;
    double pixels =
        (double)info->count[DATASET_TRAIN] * (double)(writer->image / (size_t)channels);
    for (int c = 0; c < channels; c++) {
        uint64_t sum = 0, squares = 0;
        for (uint64_t v = 0; v < 256; v++) {
            sum += v * writer->seen[c][v];
            squares += v * v * writer->seen[c][v];
        }
        double mean = (double)sum / pixels / 255;
        double std = sqrt((double)squares / pixels / (255.0 * 255.0) - mean * mean);
        flat += !(std > 1e-6);
        info->mean[c] = mean;
        info->std[c] = std > 1e-6 ? std : 1;
    }
    if (flat == channels)
        FAIL(ST_FAIL,
             "all training pixels of %s have the same value: there is nothing to "
             "learn from",
             info->source);
    return ST_OK;
}

static enum status writer_write_labels(const struct dataset_writer *writer,
                                       struct h5file *file, enum dataset_split split)
{
    const uint16_t *labels = writer->split[split].labels;
    size_t count = writer->info.count[split];
    const char *name = dataset_labels_name[split];
    if (writer->info.classes > 256)
        return h5file_write(file, name, H5FILE_U16, 1, &count, labels);
    uint8_t *narrow = mem_zeroed(count, 1);
    for (size_t i = 0; i < count; i++)
        narrow[i] = (uint8_t)labels[i];
    enum status st = h5file_write(file, name, H5FILE_U8, 1, &count, narrow);
    free(narrow);
    return st;
}

static enum status writer_write_offsets(const struct dataset_writer *writer,
                                        struct h5file *file, enum dataset_split split)
{
    const uint64_t nothing = 0, *offsets = writer->split[split].offsets;
    size_t count = writer->info.count[split] + 1;
    return h5file_write(file, dataset_offsets_name[split], H5FILE_U64, 1, &count,
                        offsets ? offsets : &nothing);
}

static bool writer_has_paths(const struct dataset_writer *writer)
{
    for (int s = 0; s < DATASET_SPLITS; s++)
        if (writer->split[s].paths_count != writer->info.count[s])
            return false;
    return true;
}

/* Everything but the images, most of which are in the file. */
static enum status writer_write_rest(const struct dataset_writer *writer,
                                     struct h5file *file)
{
    const struct dataset_info *info = &writer->info;
    bool paths = writer_has_paths(writer);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        const struct writer_split *split = &writer->split[s];
        if (s == DATASET_VAL && info->count[s] == 0)
            continue;
        if (info->count[s] == 0)
            TRY(writer_create_images(writer, file, s, 0));
        TRY(writer_write_labels(writer, file, s));
        TRY(h5file_write(file, dataset_hashes_name[s], H5FILE_U64, 1, &info->count[s],
                         split->hashes));
        if (info->encoded)
            TRY(writer_write_offsets(writer, file, s));
        if (paths && info->count[s] > 0)
            TRY(h5file_write(file, dataset_paths_name[s], H5FILE_U8, 1,
                             &split->paths_bytes, split->paths));
    }
    return ST_OK;
}

static enum status writer_put_scale(const struct dataset_info *info, struct h5file *file)
{
    if (info->shape.c == 1) {
        TRY(h5file_put_f64(file, "/", "mean", info->mean[0]));
        return h5file_put_f64(file, "/", "std", info->std[0]);
    }
    TRY(h5file_put_f64s(file, "/", "mean", info->mean, info->shape.c));
    return h5file_put_f64s(file, "/", "std", info->std, info->shape.c);
}

static enum status writer_put_shape(const struct dataset_info *info, struct h5file *file)
{
    TRY(h5file_put_u64(file, "/", "height", (uint64_t)info->shape.h));
    TRY(h5file_put_u64(file, "/", "width", (uint64_t)info->shape.w));
    return h5file_put_u64(file, "/", "channels", (uint64_t)info->shape.c);
}

static enum status writer_put_attributes(const struct dataset_writer *writer,
                                         struct h5file *file)
{
    const struct dataset_info *info = &writer->info;
    char treatment[TREATMENT_TEXT];
    uint64_t split[DATASET_SPLITS], hash;
    bool first = dataset_is_format_1(info);
    const struct dataset_content nothing = {0};
    for (int s = 0; s < DATASET_SPLITS; s++)
        split[s] = writer->split[s].hash;
    if (first)
        TRY(dataset_hash_content(file, info, &nothing, &hash, NULL));
    else
        hash = dataset_hash_splits(info, split);
    treatment_text(&info->treatment, treatment);
    TRY(h5file_put_u64(file, "/", "format_version", first ? 1 : DATASET_FORMAT));
    TRY(h5file_put_text(file, "/", "source", info->source));
    TRY(h5file_put_texts(file, "/", "classes", info->class_name, info->classes));
    TRY(writer_put_scale(info, file));
    if (info->encoded)
        TRY(writer_put_shape(info, file));
    TRY(h5file_put_hash(file, "/", "hash", hash));
    TRY(h5file_put_text(file, "/", "hash_kind", HASH_KIND));
    if (*treatment)
        TRY(h5file_put_text(file, "/", "treatment", treatment));
    return ST_OK;
}

static enum status writer_copy_images(struct dataset_writer *writer, struct h5file *to,
                                      enum dataset_split split)
{
    const char *name = dataset_images_name[split];
    size_t count = writer->info.count[split];
    size_t step =
        WRITER_BLOCK_BYTES / writer->image > 1 ? WRITER_BLOCK_BYTES / writer->image : 1;
    if (count == 0)
        return ST_OK;
    TRY(writer_create_images(writer, to, split, count));
    for (size_t i = 0; i < count; i += step) {
        size_t rows = count - i < step ? count - i : step;
        uint8_t *block = writer->split[split].block;
        TRY(h5file_read_rows(writer->file, name, H5FILE_U8, i, rows, writer->image,
                             block));
        TRY(h5file_write_rows(to, name, H5FILE_U8, i, rows, writer->image, block));
    }
    return ST_OK;
}

/* Arrays cannot shrink: copies what came to a file of the right size, which takes the
   other one's place. */
static enum status writer_compact(struct dataset_writer *writer)
{
    struct h5file *file;
    char *scratch = mem_format("%s.compact", writer->info.path);
    enum status st = h5file_create(&file, scratch);
    free(scratch);
    TRY(st);
    for (int s = 0; s < DATASET_SPLITS && st == ST_OK; s++)
        st = writer_copy_images(writer, file, s);
    h5file_close(writer->file);
    writer->file = file;
    return st;
}

static enum status writer_complete(struct dataset_writer *writer, bool allow_empty)
{
    const struct dataset_info *info = &writer->info;
    bool gaps = false;
    if (info->count[DATASET_TRAIN] == 0)
        FAIL(ST_FAIL, "there are no training images in %s", info->source);
    if (!allow_empty)
        TRY(writer_check_classes(writer));
    TRY(writer_mean_and_std(writer));
    for (int s = 0; s < DATASET_SPLITS; s++) {
        if (writer->split[s].pending > 0)
            TRY(writer_flush(writer, s));
        gaps = gaps || info->count[s] < writer->split[s].most;
        if (info->encoded && writer->split[s].written < writer->split[s].most_bytes)
            FAIL(ST_FAIL,
                 "pictures of %s became smaller during the import: nothing was written",
                 info->source);
    }
    ASSERT(!gaps || !info->encoded);
    if (gaps)
        TRY(writer_compact(writer));
    TRY(writer_write_rest(writer, writer->file));
    TRY(writer_put_attributes(writer, writer->file));
    return h5file_commit_as(writer->file, info->path);
}

enum status dataset_writer_finish(struct dataset_writer *writer, bool allow_empty)
{
    enum status st = writer_complete(writer, allow_empty);
    writer_free(writer);
    return st;
}

void dataset_writer_abandon(struct dataset_writer *writer)
{
    writer_free(writer);
}
