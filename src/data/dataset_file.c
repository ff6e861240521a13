#include "data/dataset.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/label_set.h"
#include "base/mem.h"
#include "dataset_impl.h"
#include "io/h5file.h"

static enum status dataset_check_kind(struct h5file *file)
{
    const char *path = h5file_path(file);
    if (!h5file_has(file, dataset_images_name[DATASET_TRAIN]) &&
        !h5file_has(file, dataset_encoded_name[DATASET_TRAIN])) {
        if (h5file_has(file, "/weights"))
            FAIL(ST_FAIL, "'%s' is not a data set but a checkpoint", path);
        FAIL(ST_FAIL, "'%s' is not a data set: it holds no '/train/images'", path);
    }
    uint64_t version;
    TRY(h5file_get_u64(file, "/", "format_version", &version));
    if (version < 1 || version > DATASET_FORMAT)
        FAIL(ST_FAIL,
             "data set '%s' has format version %llu; this program reads versions 1 to "
             "%d: import the data again",
             path, (unsigned long long)version, DATASET_FORMAT);
    return ST_OK;
}

static enum status dataset_read_weighting(struct h5file *file, struct dataset_info *info)
{
    info->has_weights = h5file_has(file, DATASET_WEIGHTS_NAME);
    info->has_weights_hash =
        info->has_weights && h5file_has_attr(file, "/", DATASET_WEIGHTS_HASH);
    return info->has_weights_hash
               ? h5file_get_hash(file, "/", DATASET_WEIGHTS_HASH, &info->weights_hash)
               : ST_OK;
}

/* (N, H, W) or (N, H, W, 3) into shape. */
static enum status dataset_read_image_shape(struct h5file *file, const char *name,
                                            struct shape *shape, size_t *count)
{
    const char *path = h5file_path(file);
    struct h5file_info images;
    TRY(h5file_info(file, name, &images));
    size_t h = images.dim[1], w = images.dim[2],
           c = images.ndims == 4 ? images.dim[3] : 1;
    if ((images.ndims != 3 && images.ndims != 4) || images.type != H5FILE_U8 ||
        (c != 1 && c != DATASET_CHANNELS))
        FAIL(ST_FAIL,
             "'%s' in '%s' is not an array of images: uint8 (N, H, W), grey, or "
             "(N, H, W, 3), RGB",
             name, path);
    if (h < 1 || w < 1 || h > INT16_MAX || w > INT16_MAX)
        FAIL(ST_FAIL, "'%s' in '%s' holds images of %zu x %zu pixels", name, path, h, w);
    *shape = (struct shape){(int)h, (int)w, (int)c};
    *count = images.dim[0];
    return ST_OK;
}

static enum status dataset_read_encoded_shape(struct h5file *file,
                                              struct dataset_info *info)
{
    static const char *const names[] = {"height", "width", "channels"};
    uint64_t side[3];
    for (int i = 0; i < 3; i++)
        TRY(h5file_get_u64(file, "/", names[i], &side[i]));
    if (side[0] < 1 || side[1] < 1 || side[0] > INT16_MAX || side[1] > INT16_MAX ||
        (side[2] != 1 && side[2] != DATASET_CHANNELS))
        FAIL(ST_FAIL, "'%s' holds images of %llu x %llu pixels of %llu channels",
             h5file_path(file), (unsigned long long)side[0], (unsigned long long)side[1],
             (unsigned long long)side[2]);
    info->shape = (struct shape){(int)side[0], (int)side[1], (int)side[2]};
    return ST_OK;
}

/* Files: (N + 1) offsets. What is in them is checked when they are read. */
static enum status dataset_read_encoded_extent(struct h5file *file,
                                               enum dataset_split split,
                                               struct dataset_info *info)
{
    const char *name = dataset_encoded_name[split];
    struct h5file_info encoded, offsets;
    TRY(h5file_info(file, name, &encoded));
    if (encoded.ndims != 1 || encoded.type != H5FILE_U8)
        FAIL(ST_FAIL, "'%s' in '%s' is not an array of bytes: uint8 (bytes)", name,
             h5file_path(file));
    name = dataset_offsets_name[split];
    TRY(h5file_info(file, name, &offsets));
    if (offsets.ndims != 1 || offsets.type != H5FILE_U64 || offsets.count < 1)
        FAIL(ST_FAIL, "'%s' in '%s' is not an array of offsets: uint64 (N + 1)", name,
             h5file_path(file));
    info->count[split] = offsets.count - 1;
    info->bytes[split] = encoded.count;
    return ST_OK;
}

/* A set that another program made has no hashes; labels are counted already. */
static enum status dataset_read_hashes_extent(struct h5file *file,
                                              enum dataset_split split,
                                              struct dataset_info *info)
{
    const char *name = dataset_hashes_name[split];
    struct h5file_info hashes;
    if (!h5file_has(file, name)) {
        info->has_hashes = info->has_hashes && info->count[split] == 0;
        return ST_OK;
    }
    TRY(h5file_info(file, name, &hashes));
    if (hashes.ndims != 1 || hashes.type != H5FILE_U64 ||
        hashes.count != info->count[split])
        FAIL(ST_FAIL,
             "'%s' in '%s' does not hold a hash for each of %zu images, uint64 (N): if "
             "another program changed the images, remove it",
             name, h5file_path(file), info->count[split]);
    return ST_OK;
}

/* Shape and type of the pixels of one split, compared with those of train, the first
   one. */
static enum status dataset_read_image_extent(struct h5file *file,
                                             enum dataset_split split,
                                             struct dataset_info *info)
{
    const char *path = h5file_path(file), *name = dataset_images_name[split];
    const struct shape *train = &info->shape;
    struct shape shape;
    TRY(dataset_read_image_shape(file, name, &shape, &info->count[split]));
    if (split == DATASET_TRAIN)
        info->shape = shape;
    if (shape.h != train->h || shape.w != train->w)
        FAIL(ST_FAIL,
             "the images of '%s' differ in size: train %d x %d pixels, %s %d x %d", path,
             train->h, train->w, dataset_split_name[split], shape.h, shape.w);
    if (shape.c != train->c)
        FAIL(ST_FAIL, "the images of '%s' differ in colour: train has %d channels, %s %d",
             path, train->c, dataset_split_name[split], shape.c);
    info->bytes[split] = info->count[split] * dataset_image_bytes(shape);
    return ST_OK;
}

/* (N), or (N, bytes) of a multi-label set: train, the first split, says which. */
static enum status dataset_check_labels(struct h5file *file, enum dataset_split split,
                                        struct dataset_info *info)
{
    const char *path = h5file_path(file), *name = dataset_labels_name[split];
    struct h5file_info labels;
    TRY(h5file_info(file, name, &labels));
    bool sets = labels.ndims == 2 && labels.type == H5FILE_U8;
    if (!sets &&
        (labels.ndims != 1 || (labels.type != H5FILE_U8 && labels.type != H5FILE_U16)))
        FAIL(ST_FAIL, "'%s' in '%s' is not an array of labels: uint8 or uint16 (N)", name,
             path);
    if (split == DATASET_TRAIN)
        info->multi_label = sets;
    if (sets != info->multi_label)
        FAIL(ST_FAIL, "'%s' in '%s' has %d dimension%s, but '%s' has %d", name, path,
             labels.ndims, labels.ndims > 1 ? "s" : "",
             dataset_labels_name[DATASET_TRAIN], info->multi_label ? 2 : 1);
    if (labels.dim[0] != info->count[split])
        FAIL(ST_FAIL, "'%s' holds %zu %s images but %zu labels", path, info->count[split],
             dataset_split_name[split], labels.dim[0]);
    return ST_OK;
}

/* The classes have been read. */
static enum status dataset_check_set_bytes(struct h5file *file,
                                           const struct dataset_info *info)
{
    size_t bytes = label_set_bytes(info->classes);
    for (int s = 0; s < DATASET_SPLITS && info->multi_label; s++) {
        struct h5file_info labels;
        if (s == DATASET_VAL && info->count[s] == 0)
            continue;
        TRY(h5file_info(file, dataset_labels_name[s], &labels));
        if (labels.dim[1] != bytes)
            FAIL(ST_FAIL,
                 "'%s' in '%s' has %zu bytes for each image; the bits of %d classes are "
                 "%zu: numpy.packbits(y, axis=1, bitorder='little')",
                 dataset_labels_name[s], h5file_path(file), labels.dim[1], info->classes,
                 bytes);
    }
    return ST_OK;
}

static enum status dataset_read_split(struct h5file *file, enum dataset_split split,
                                      struct dataset_info *info)
{
    const char *name =
        (info->encoded ? dataset_encoded_name : dataset_images_name)[split];
    if (split == DATASET_VAL && !h5file_has(file, name))
        return ST_OK;
    TRY((info->encoded ? dataset_read_encoded_extent
                       : dataset_read_image_extent)(file, split, info));
    TRY(dataset_check_labels(file, split, info));
    info->has_paths = info->has_paths && (info->count[split] == 0 ||
                                          h5file_has(file, dataset_paths_name[split]));
    return dataset_read_hashes_extent(file, split, info);
}

/* One number for all channels, or one for each. */
static enum status dataset_read_by_channel(struct h5file *file, const char *name,
                                           int channels, double value[DATASET_CHANNELS])
{
    int count;
    TRY(h5file_get_f64s(file, "/", name, value, DATASET_CHANNELS, &count));
    if (count != 1 && count != channels)
        FAIL(ST_FAIL, "data set '%s' has %d values of '%s' for %d channels",
             h5file_path(file), count, name, channels);
    for (int c = count; c < channels; c++)
        value[c] = value[0];
    return ST_OK;
}

static enum status dataset_read_scale(struct h5file *file, struct dataset_info *info)
{
    int channels = info->shape.c;
    TRY(dataset_read_by_channel(file, "mean", channels, info->mean));
    TRY(dataset_read_by_channel(file, "std", channels, info->std));
    for (int c = 0; c < channels; c++) {
        double mean = info->mean[c], std = info->std[c];
        if (!(mean >= 0 && mean <= 1 && std > 0 && std <= 1))
            FAIL(ST_FAIL, "data set '%s' has mean %g and std %g, which is impossible",
                 h5file_path(file), mean, std);
    }
    return ST_OK;
}

static enum status dataset_read_treatment(struct h5file *file, struct dataset_info *info)
{
    char *text = NULL;
    info->treatment = treatment_unrecorded();
    if (!h5file_has_attr(file, "/", "treatment"))
        return ST_OK;
    TRY(h5file_get_text(file, "/", "treatment", &text));
    bool good = treatment_parse(&info->treatment, text);
    free(text);
    if (!good)
        FAIL(ST_FAIL, "data set '%s' has a 'treatment' that cannot be understood",
             h5file_path(file));
    return ST_OK;
}

static enum status dataset_read_info(struct h5file *file, struct dataset_info *info)
{
    const char *path = h5file_path(file);
    size_t all = 0;
    TRY(dataset_check_kind(file));
    info->has_paths = info->has_hashes = true;
    info->encoded = h5file_has(file, dataset_encoded_name[DATASET_TRAIN]);
    if (info->encoded)
        TRY(dataset_read_encoded_shape(file, info));
    for (int s = 0; s < DATASET_SPLITS; s++) {
        TRY(dataset_read_split(file, s, info));
        all += info->count[s];
    }
    if (all == 0)
        FAIL(ST_FAIL, "data set '%s' is empty", path);
    TRY(dataset_read_weighting(file, info));
    TRY(h5file_get_texts(file, "/", "classes", &info->class_name, &info->classes));
    if (info->classes > DATASET_CLASSES_MAX)
        FAIL(ST_FAIL, "data set '%s' has %d classes; at most %d are possible", path,
             info->classes, DATASET_CLASSES_MAX);
    TRY(dataset_check_set_bytes(file, info));
    TRY(dataset_read_scale(file, info));
    TRY(dataset_read_treatment(file, info));
    TRY(h5file_get_text(file, "/", "source", &info->source));
    info->hash_known = h5file_has_attr(file, "/", "hash_kind");
    info->has_head_hash = h5file_has_attr(file, "/", DATASET_HEAD_HASH);
    if (info->has_head_hash)
        TRY(h5file_get_hash(file, "/", DATASET_HEAD_HASH, &info->head_hash));
    return h5file_get_hash(file, "/", "hash", &info->hash);
}

enum status dataset_info_read(struct dataset_info *info, const char *path)
{
    *info = (struct dataset_info){0};
    struct h5file *file;
    TRY(h5file_open(&file, path));
    enum status st = dataset_read_info(file, info);
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

/* Each path ends with a NUL. */
static enum status dataset_unpack_paths(const struct dataset_info *info,
                                        enum dataset_split split, const char *block,
                                        size_t bytes, char **paths)
{
    const char *p = block;
    for (size_t i = 0; i < info->count[split]; i++) {
        const char *end = memchr(p, '\0', bytes - (size_t)(p - block));
        if (!end)
            FAIL(ST_FAIL, "'%s' in '%s' holds fewer paths than there are images",
                 dataset_paths_name[split], info->path);
        paths[i] = mem_strdup(p);
        p = end + 1;
    }
    return ST_OK;
}

enum status dataset_read_paths(const struct dataset_info *info, enum dataset_split split,
                               char ***paths)
{
    const char *name = dataset_paths_name[split];
    struct h5file_info extent;
    struct h5file *file;
    char *block = NULL;
    enum status st = ST_OK;
    size_t count = info->count[split];
    *paths = NULL;
    TRY(h5file_open(&file, info->path));
    *paths = mem_zeroed(count, sizeof **paths);
    if (count == 0)
        goto done;
    TRY_TO(done, h5file_info(file, name, &extent));
    block = mem_zeroed(extent.count, 1);
    TRY_TO(done, h5file_read(file, name, H5FILE_U8, extent.count, block));
    st = dataset_unpack_paths(info, split, block, extent.count, *paths);
done:
    h5file_close(file);
    free(block);
    if (st == ST_OK)
        return ST_OK;
    fs_free_list(*paths, (int)count);
    *paths = NULL;
    return st;
}
