/* dataset_writer: labels, hashes, attributes; mean and standard deviation. */
#include <math.h>
#include <stdlib.h>

#include "base/label_set.h"
#include "base/mem.h"
#include "dataset_writer_impl.h"

static enum status writer_check_classes(const struct dataset_writer *writer)
{
    const struct dataset_info *info = &writer->info;
    size_t *per_class = mem_zeroed((size_t)info->classes, sizeof *per_class);
    int empty = 0, first = -1;
    const struct dataset_labels *labels = &writer->split[DATASET_TRAIN].labels;
    for (size_t i = 0; i < info->count[DATASET_TRAIN]; i++)
        for (int c = 0; (c = dataset_labels_next(labels, i, info->classes, c)) >= 0; c++)
            per_class[c]++;
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

/* Computes both over all training pixels, on the 0..1 scale. The sums are integers, so
   they are exact. A channel with a single value gets std 1: the network sees 0 there. */
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
    const uint16_t *labels = writer->split[split].labels.one;
    size_t count = writer->info.count[split];
    const char *name = dataset_labels_name[split];
    if (writer->info.multi_label)
        return h5file_write(file, name, H5FILE_U8, 2,
                            (size_t[]){count, label_set_bytes(writer->info.classes)},
                            writer->split[split].labels.set);
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
        if (s == DATASET_TRAIN && split->weights)
            TRY(dataset_write_weights(file, split->weights, info->count[s],
                                      info->source));
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
    TRY(h5file_put_u64(file, "/", "format_version",
                       first               ? 1
                       : info->multi_label ? DATASET_FORMAT
                                           : DATASET_FORMAT_ONE));
    TRY(h5file_put_text(file, "/", "source", info->source));
    TRY(h5file_put_texts(file, "/", "classes", info->class_name, info->classes));
    TRY(writer_put_scale(info, file));
    if (info->encoded)
        TRY(writer_put_shape(info, file));
    TRY(h5file_put_hash(file, "/", "hash", hash));
    TRY(h5file_put_text(file, "/", "hash_kind", DATASET_HASH_KIND));
    if (*treatment)
        TRY(h5file_put_text(file, "/", "treatment", treatment));
    return dataset_put_head_hash(info, file);
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
    dataset_writer_abandon(writer);
    return st;
}
