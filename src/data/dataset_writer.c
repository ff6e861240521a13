#include "data/dataset_writer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "dataset_impl.h"
#include "io/h5file.h"

const struct target_kind dataset_target = {"a data set", .object = "/train/images"};

#define WRITER_BLOCK_BYTES \
    ((size_t)1 << 20)        /* of images that are written at once, at most */
#define HASH_KIND "lockstep" /* the hash is that of src/data/dataset_hash.c */

struct writer_split {
    size_t most;
    uint8_t *block;   /* owned: (rows of a block), the images not yet written */
    size_t pending;   /* images in it */
    uint16_t *labels; /* owned: (room) */
    uint64_t *hashes; /* owned: (room) */
    size_t room;
    char *paths; /* owned: (paths_room), each ends with a NUL */
    size_t paths_bytes, paths_room;
    size_t paths_count;
    uint64_t hash; /* format 2 */
};

struct dataset_writer {
    struct h5file *file;
    struct dataset_info info; /* of what came so far */
    size_t image, block_rows;
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
    writer->image = dataset_image_bytes(shape);
    writer->block_rows = WRITER_BLOCK_BYTES / writer->image + 1;
    enum status st = h5file_create(&writer->file, path);
    for (int s = 0; s < DATASET_SPLITS && st == ST_OK; s++) {
        writer->split[s].most = recipe->most[s];
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
    size_t first = writer->info.count[split] - s->pending, rows = s->pending;
    s->pending = 0;
    return h5file_write_rows(writer->file, dataset_images_name[split], H5FILE_U8, first,
                             rows, writer->image, s->block);
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
                               const uint8_t *pixels, int label, const char *source_path)
{
    struct writer_split *s = &writer->split[split];
    size_t *count = &writer->info.count[split];
    ASSERT(*count < s->most);
    if (label < 0 || label >= writer->info.classes)
        FAIL(ST_FAIL,
             "label of %s image %zu is out of range: it is class number %d, but there "
             "are %d classes",
             dataset_split_name[split], *count, label, writer->info.classes);
    if (*count == s->room) {
        s->room = 2 * s->room + 1024;
        s->labels = mem_resize(s->labels, s->room, sizeof *s->labels);
        s->hashes = mem_resize(s->hashes, s->room, sizeof *s->hashes);
    }
    if (!s->block)
        s->block = mem_zeroed(writer->block_rows, writer->image);
    s->labels[*count] = (uint16_t)label;
    s->hashes[*count] = dataset_row_hash(pixels, writer->image, label);
    memcpy(s->block + s->pending * writer->image, pixels, writer->image);
    s->hash = dataset_hash_image(s->hash, pixels, writer->image, label);
    if (split == DATASET_TRAIN)
        writer_count_values(writer, pixels);
    if (source_path)
        writer_add_path(s, source_path);
    s->pending++;
    (*count)++;
    return s->pending == writer->block_rows ? writer_flush(writer, split) : ST_OK;
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
    size_t count = writer->info.count[split], step = writer->block_rows;
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
    }
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
