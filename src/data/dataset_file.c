#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/hash.h"
#include "base/mem.h"
#include "dataset_impl.h"
#include "io/h5file.h"

const char *const dataset_split_name[DATASET_SPLITS] = {"train", "test"};
const char *const dataset_images_name[DATASET_SPLITS] = {"/train/images", "/test/images"};
const char *const dataset_labels_name[DATASET_SPLITS] = {"/train/labels", "/test/labels"};

uint64_t dataset_hash_head(char *const *class_name, int classes, int h, int w,
                           const size_t count[DATASET_SPLITS])
{
    uint64_t shape[] = {(uint64_t)classes, (uint64_t)h, (uint64_t)w, count[DATASET_TRAIN],
                        count[DATASET_TEST]};
    uint64_t hash = hash_bytes(shape, sizeof shape, DATASET_FORMAT);
    for (int i = 0; i < classes; i++)
        hash = hash_bytes(class_name[i], strlen(class_name[i]) + 1, hash);
    return hash;
}

static enum status check_kind(struct h5file *file)
{
    const char *path = h5file_path(file);
    if (!h5file_has(file, "/train/images")) {
        if (h5file_has(file, "/weights"))
            FAIL(ST_FAIL, "'%s' is not a data set but a checkpoint", path);
        FAIL(ST_FAIL, "'%s' is not a data set: it holds no '/train/images'", path);
    }
    uint64_t version;
    TRY(h5file_get_u64(file, "/", "format_version", &version));
    if (version != DATASET_FORMAT)
        FAIL(ST_FAIL,
             "data set '%s' has format version %llu; this program reads version %d: "
             "import the data again",
             path, (unsigned long long)version, DATASET_FORMAT);
    return ST_OK;
}

/* Shape and types of one split. h and w are 0 before the first. */
static enum status read_shape(struct h5file *file, enum dataset_split split,
                              struct dataset_info *info)
{
    const char *path = h5file_path(file), *name = dataset_images_name[split];
    struct h5file_info images, labels;
    TRY(h5file_info(file, name, &images));
    if (images.ndims != 3 || images.type != H5FILE_U8)
        FAIL(ST_FAIL, "'%s' in '%s' is not an array of grey images: uint8 (N, H, W)",
             name, path);
    size_t h = images.dim[1], w = images.dim[2];
    if (h < 1 || w < 1 || h > INT16_MAX || w > INT16_MAX)
        FAIL(ST_FAIL, "'%s' in '%s' holds images of %zu x %zu pixels", name, path, h, w);
    if (info->h && ((size_t)info->h != h || (size_t)info->w != w))
        FAIL(ST_FAIL,
             "the images of '%s' differ in size: train %d x %d pixels, test %zu x %zu",
             path, info->h, info->w, h, w);
    info->h = (int)h;
    info->w = (int)w;
    name = dataset_labels_name[split];
    TRY(h5file_info(file, name, &labels));
    if (labels.ndims != 1 || (labels.type != H5FILE_U8 && labels.type != H5FILE_U16))
        FAIL(ST_FAIL, "'%s' in '%s' is not an array of labels: uint8 or uint16 (N)", name,
             path);
    if (labels.count != images.dim[0])
        FAIL(ST_FAIL, "'%s' holds %zu %s images but %zu labels", path, images.dim[0],
             dataset_split_name[split], labels.count);
    info->count[split] = labels.count;
    return ST_OK;
}

static enum status read_info(struct h5file *file, struct dataset_info *info)
{
    const char *path = h5file_path(file);
    TRY(check_kind(file));
    for (int s = 0; s < DATASET_SPLITS; s++)
        TRY(read_shape(file, s, info));
    if (info->count[DATASET_TRAIN] + info->count[DATASET_TEST] == 0)
        FAIL(ST_FAIL, "data set '%s' is empty", path);
    TRY(h5file_get_texts(file, "/", "classes", &info->class_name, &info->classes));
    if (info->classes > DATASET_CLASSES_MAX)
        FAIL(ST_FAIL, "data set '%s' has %d classes; at most %d are possible", path,
             info->classes, DATASET_CLASSES_MAX);
    TRY(h5file_get_f64(file, "/", "mean", &info->mean));
    TRY(h5file_get_f64(file, "/", "std", &info->std));
    if (!(info->mean >= 0 && info->mean <= 1 && info->std > 0 && info->std <= 1))
        FAIL(ST_FAIL, "data set '%s' has mean %g and std %g, which cannot be", path,
             info->mean, info->std);
    TRY(h5file_get_text(file, "/", "source", &info->source));
    return h5file_get_hash(file, "/", "hash", &info->hash);
}

enum status dataset_info_read(struct dataset_info *info, const char *path)
{
    *info = (struct dataset_info){0};
    struct h5file *file;
    TRY(h5file_open(&file, path));
    enum status st = read_info(file, info);
    h5file_close(file);
    if (st == ST_OK)
        info->path = mem_strdup(path);
    else
        dataset_info_release(info);
    return st;
}

void dataset_info_release(struct dataset_info *info)
{
    free(info->path);
    free(info->source);
    fs_free_list(info->class_name, info->classes);
    *info = (struct dataset_info){0};
}

/* Labels index arrays of as many elements as there are classes: none is let through that
   is not a class. */
static enum status read_labels(struct h5file *file, const struct dataset_info *info,
                               enum dataset_split split, size_t first, size_t n,
                               uint16_t *labels)
{
    const char *name = dataset_labels_name[split];
    TRY(h5file_read_rows(file, name, H5FILE_U16, first, n, 1, labels));
    for (size_t i = 0; i < n; i++) {
        if (labels[i] >= info->classes)
            FAIL(ST_FAIL,
                 "label %d at '%s' row %zu of '%s' is out of range: the data set has %d "
                 "classes",
                 labels[i], name, first + i, h5file_path(file), info->classes);
    }
    return ST_OK;
}

enum status dataset_read_labels(struct h5file *file, const struct dataset_info *info,
                                enum dataset_split split, uint16_t *labels)
{
    return read_labels(file, info, split, 0, info->count[split], labels);
}

enum status dataset_read_rows(const struct dataset_info *info, enum dataset_split split,
                              size_t first, size_t n, uint8_t *images, uint16_t *labels)
{
    struct h5file *file;
    enum status st = ST_OK;
    TRY(h5file_open(&file, info->path));
    if (images)
        st = h5file_read_rows(file, dataset_images_name[split], H5FILE_U8, first, n,
                              (size_t)info->h * (size_t)info->w, images);
    if (labels && st == ST_OK)
        st = read_labels(file, info, split, first, n, labels);
    h5file_close(file);
    return st;
}

static enum status hash_split(const struct dataset_info *info, enum dataset_split split,
                              uint64_t *hash)
{
    size_t image = (size_t)info->h * (size_t)info->w, count = info->count[split];
    size_t most = count < DATASET_HASH_ROWS ? count : DATASET_HASH_ROWS;
    uint8_t *block = mem_zeroed(most, image);
    uint16_t *labels = mem_zeroed(count, sizeof *labels);
    enum status st = ST_OK;
    for (size_t i = 0; i < count && st == ST_OK; i += DATASET_HASH_ROWS) {
        size_t rows = count - i < DATASET_HASH_ROWS ? count - i : DATASET_HASH_ROWS;
        st = dataset_read_rows(info, split, i, rows, block, labels + i);
        *hash = hash_bytes(block, rows * image, *hash);
    }
    *hash = hash_bytes(labels, count * sizeof *labels, *hash);
    free(labels);
    free(block);
    return st;
}

enum status dataset_hash_file(const struct dataset_info *info, uint64_t *hash)
{
    *hash =
        dataset_hash_head(info->class_name, info->classes, info->h, info->w, info->count);
    for (int s = 0; s < DATASET_SPLITS; s++)
        TRY(hash_split(info, s, hash));
    return ST_OK;
}
