/* dataset: rows of a file. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "data/import_treatment.h"
#include "dataset_impl.h"
#include "io/h5file.h"
#include "io/image.h"

size_t dataset_block(struct dataset_extent extent, size_t first, size_t count,
                     size_t most)
{
    size_t n = 1;
    if (!extent.offset)
        n = most / extent.image > 1 ? most / extent.image : 1;
    else
        while (first + n < count && dataset_extent_bytes(extent, first, n + 1) <= most)
            n++;
    return count - first < n ? count - first : n;
}

/* Readers of images trust the offsets: every image has at least one byte. */
enum status dataset_read_offsets(struct h5file *file, const struct dataset_info *info,
                                 enum dataset_split split, size_t first, size_t n,
                                 uint64_t *offset)
{
    const char *name = dataset_offsets_name[split];
    TRY(h5file_read_rows(file, name, H5FILE_U64, first, n + 1, 1, offset));
    for (size_t i = 0; i <= n; i++) {
        uint64_t bytes = i > 0 ? offset[i] - offset[i - 1] : 1;
        if (offset[i] > info->bytes[split] || bytes == 0 || bytes > IMAGE_BYTES_MAX)
            FAIL(ST_FAIL,
                 "'%s' is damaged: element %zu of '%s', %llu, is not where an image of "
                 "%zu "
                 "bytes can begin or end",
                 info->path ? info->path : h5file_path(file), first + i, name,
                 (unsigned long long)offset[i], info->bytes[split]);
    }
    return ST_OK;
}

enum status dataset_read_bytes(struct h5file *file, enum dataset_split split,
                               struct dataset_extent extent, size_t first, size_t n,
                               void *out)
{
    if (!extent.offset)
        return h5file_read_rows(file, dataset_images_name[split], H5FILE_U8, first, n,
                                extent.image, out);
    return h5file_read_rows(file, dataset_encoded_name[split], H5FILE_U8,
                            dataset_at(extent, first),
                            dataset_extent_bytes(extent, first, n), 1, out);
}

/* offset (n + 1), from 0 on. */
static enum status stored_read_offsets(struct h5file *file,
                                       const struct dataset_info *info,
                                       enum dataset_split split, size_t first, size_t n,
                                       uint64_t *offset)
{
    if (info->encoded)
        return dataset_read_offsets(file, info, split, first, n, offset);
    for (size_t i = 0; i <= n; i++)
        offset[i] = (first + i) * dataset_image_bytes(info->shape);
    return ST_OK;
}

/* stored->offset is as in the file, labels are read. */
static enum status stored_read_data(struct h5file *file, const struct dataset_info *info,
                                    enum dataset_split split, size_t first, size_t n,
                                    struct dataset_stored *stored)
{
    struct dataset_damage damage = {0};
    uint64_t begin = stored->offset[0];
    size_t bytes = (size_t)(stored->offset[n] - begin);
    stored->data = mem_zeroed(bytes, 1);
    if (info->encoded)
        TRY(h5file_read_rows(file, dataset_encoded_name[split], H5FILE_U8, begin, bytes,
                             1, stored->data));
    else
        TRY(h5file_read_rows(file, dataset_images_name[split], H5FILE_U8, first, n,
                             dataset_image_bytes(info->shape), stored->data));
    for (size_t i = 0; i <= n; i++)
        stored->offset[i] -= begin;
    if (!dataset_compares(info))
        return ST_OK;
    struct dataset_rows rows = {.first = first,
                                .rows = n,
                                .extent.offset = stored->offset,
                                .images = stored->data,
                                .labels = stored->labels};
    uint64_t *hashes = mem_zeroed(n, sizeof *hashes);
    enum status st = h5file_read_rows(file, dataset_hashes_name[split], H5FILE_U64, first,
                                      n, 1, hashes);
    rows.hashes = hashes;
    if (st == ST_OK)
        dataset_damage_add(&damage, &rows);
    free(hashes);
    TRY(st);
    return dataset_damage_check(&damage, info, split, n);
}

enum status dataset_read_stored(const struct dataset_info *info, enum dataset_split split,
                                size_t first, size_t n, struct dataset_stored *stored)
{
    struct h5file *file;
    enum status st = ST_OK;
    *stored = (struct dataset_stored){0};
    TRY(h5file_open(&file, info->path));
    stored->labels = dataset_labels_create(info, n);
    stored->offset = mem_zeroed(n + 1, sizeof *stored->offset);
    TRY_TO(out, dataset_labels_read(file, info, split, first, n, stored->labels));
    TRY_TO(out, stored_read_offsets(file, info, split, first, n, stored->offset));
    st = stored_read_data(file, info, split, first, n, stored);
out:
    h5file_close(file);
    if (st != ST_OK)
        dataset_stored_release(stored);
    return st;
}

void dataset_stored_release(struct dataset_stored *stored)
{
    free(stored->data);
    free(stored->offset);
    dataset_labels_release(&stored->labels);
    *stored = (struct dataset_stored){0};
}

enum status dataset_decode(const struct dataset_info *info, enum dataset_split split,
                           size_t i, const uint8_t *data, size_t bytes, uint8_t *pixels)
{
    char text[STATUS_TEXT], *name;
    status_capture(text);
    enum status st =
        treatment_decode(&info->treatment, data, bytes, "picture", info->shape, pixels);
    status_capture(NULL);
    if (st == ST_OK)
        return ST_OK;
    name = dataset_image_name(info, split, i);
    st = status_fail(ST_FAIL, "'%s', %s %s: %s", info->path, dataset_split_name[split],
                     name, text);
    free(name);
    return st;
}

/* labels (n), or NULL. */
static void rows_take_labels(uint16_t *labels, const struct dataset_labels *read,
                             size_t n)
{
    if (labels)
        memcpy(labels, read->one, n * sizeof *labels);
}

static enum status rows_read_labels(const struct dataset_info *info,
                                    enum dataset_split split, size_t first, size_t n,
                                    uint16_t *labels)
{
    struct dataset_labels read;
    TRY(dataset_read_labels(info, split, first, n, &read));
    rows_take_labels(labels, &read, n);
    dataset_labels_release(&read);
    return ST_OK;
}

enum status dataset_read_rows(const struct dataset_info *info, enum dataset_split split,
                              size_t first, size_t n, uint8_t *images, uint16_t *labels)
{
    struct dataset_stored stored;
    size_t image = dataset_image_bytes(info->shape);
    enum status st = ST_OK;
    ASSERT(!labels || !info->multi_label);
    if (!images)
        return labels ? rows_read_labels(info, split, first, n, labels) : ST_OK;
    TRY(dataset_read_stored(info, split, first, n, &stored));
    rows_take_labels(labels, &stored.labels, n);
    if (!info->encoded)
        memcpy(images, stored.data, n * image);
    for (size_t i = 0; info->encoded && i < n && st == ST_OK; i++)
        st = dataset_decode(info, split, first + i, stored.data + stored.offset[i],
                            (size_t)(stored.offset[i + 1] - stored.offset[i]),
                            images + i * image);
    dataset_stored_release(&stored);
    return st;
}
