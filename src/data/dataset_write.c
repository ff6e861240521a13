#include "data/dataset.h"

#include <math.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "dataset_impl.h"
#include "io/h5file.h"

static size_t image_bytes(const struct dataset_builder *builder)
{
    return (size_t)builder->h * (size_t)builder->w;
}

static enum status check_labels(const struct dataset_builder *builder,
                                enum dataset_split split, size_t *per_class)
{
    for (size_t i = 0; i < builder->count[split]; i++) {
        int label = builder->labels[split][i];
        if (label >= builder->classes)
            FAIL(
                ST_FAIL,
                "label of %s image %zu is out of range: it is class number %d, but there "
                "are %d classes",
                dataset_split_name[split], i, label, builder->classes);
        per_class[label]++;
    }
    return ST_OK;
}

static enum status check_classes(const struct dataset_builder *builder,
                                 const size_t *per_class)
{
    int empty = 0, first = -1;
    for (int c = builder->classes - 1; c >= 0; c--) {
        if (per_class[c] == 0) {
            empty++;
            first = c;
        }
    }
    if (empty)
        FAIL(ST_FAIL,
             "class '%s' has no training images (%d of %d classes are empty); say "
             "--allow-empty if that is meant",
             builder->class_name[first], empty, builder->classes);
    return ST_OK;
}

static enum status check(const struct dataset_builder *builder, bool allow_empty)
{
    ASSERT(builder->h > 0 && builder->w > 0);
    if (builder->count[DATASET_TRAIN] == 0)
        FAIL(ST_FAIL, "there are no training images in %s", builder->source);
    if (builder->classes > DATASET_CLASSES_MAX)
        FAIL(ST_FAIL, "%d classes are too many: at most %d are possible",
             builder->classes, DATASET_CLASSES_MAX);
    size_t *per_class = mem_zeroed((size_t)builder->classes, sizeof *per_class);
    enum status st = check_labels(builder, DATASET_TRAIN, per_class);
    if (st == ST_OK && !allow_empty)
        st = check_classes(builder, per_class);
    if (st == ST_OK)
        st = check_labels(builder, DATASET_TEST, per_class);
    free(per_class);
    return st;
}

/* Of all training pixels, on the 0..1 scale. Sums of integers: exact, in any order. */
static enum status mean_and_std(const struct dataset_builder *builder, double *mean,
                                double *std)
{
    uint64_t seen[256] = {0};
    size_t pixels = builder->count[DATASET_TRAIN] * image_bytes(builder);
    for (size_t i = 0; i < pixels; i++)
        seen[builder->images[DATASET_TRAIN][i]]++;
    uint64_t sum = 0, squares = 0;
    for (uint64_t v = 0; v < 256; v++) {
        sum += v * seen[v];
        squares += v * v * seen[v];
    }
    *mean = (double)sum / (double)pixels / 255;
    *std = sqrt((double)squares / (double)pixels / (255.0 * 255.0) - *mean * *mean);
    if (!(*std > 1e-6))
        FAIL(ST_FAIL,
             "all training pixels of %s have the same value: there is nothing to "
             "learn from",
             builder->source);
    return ST_OK;
}

static uint64_t content_hash(const struct dataset_builder *builder)
{
    uint64_t hash = dataset_hash_head(builder->class_name, builder->classes, builder->h,
                                      builder->w, builder->count);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        size_t image = image_bytes(builder), count = builder->count[s];
        for (size_t i = 0; i < count; i += DATASET_HASH_ROWS) {
            size_t rows = count - i < DATASET_HASH_ROWS ? count - i : DATASET_HASH_ROWS;
            hash = hash_bytes(builder->images[s] + i * image, rows * image, hash);
        }
        hash = hash_bytes(builder->labels[s], count * sizeof *builder->labels[s], hash);
    }
    return hash;
}

static enum status write_labels(const struct dataset_builder *builder,
                                struct h5file *file, enum dataset_split split)
{
    size_t count = builder->count[split];
    const char *name = dataset_labels_name[split];
    if (builder->classes > 256)
        return h5file_write(file, name, H5FILE_U16, 1, &count, builder->labels[split]);
    uint8_t *narrow = mem_zeroed(count, 1);
    for (size_t i = 0; i < count; i++)
        narrow[i] = (uint8_t)builder->labels[split][i];
    enum status st = h5file_write(file, name, H5FILE_U8, 1, &count, narrow);
    free(narrow);
    return st;
}

static enum status fill(const struct dataset_builder *builder, struct h5file *file,
                        double mean, double std)
{
    TRY(h5file_put_u64(file, "/", "format_version", DATASET_FORMAT));
    TRY(h5file_put_text(file, "/", "source", builder->source));
    TRY(h5file_put_texts(file, "/", "classes", builder->class_name, builder->classes));
    TRY(h5file_put_f64(file, "/", "mean", mean));
    TRY(h5file_put_f64(file, "/", "std", std));
    TRY(h5file_put_hash(file, "/", "hash", content_hash(builder)));
    for (int s = 0; s < DATASET_SPLITS; s++) {
        size_t dim[3] = {builder->count[s], (size_t)builder->h, (size_t)builder->w};
        TRY(h5file_write(file, dataset_images_name[s], H5FILE_U8, 3, dim,
                         builder->images[s]));
        TRY(write_labels(builder, file, s));
    }
    return h5file_commit(file);
}

enum status dataset_write(const struct dataset_builder *builder, const char *path,
                          bool allow_empty)
{
    double mean, std;
    struct h5file *file;
    TRY(check(builder, allow_empty));
    TRY(mean_and_std(builder, &mean, &std));
    TRY(h5file_create(&file, path));
    enum status st = fill(builder, file, mean, std);
    h5file_close(file);
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
