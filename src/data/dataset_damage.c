/* dataset: images compared with their hashes. */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"
#include "dataset_impl.h"
#include "io/h5file.h"

uint64_t dataset_row_hash(const uint8_t *image, size_t bytes, uint64_t key)
{
    return hash_bytes(image, bytes, key);
}

void dataset_damage_add(struct dataset_damage *damage, const struct dataset_rows *rows)
{
    for (size_t i = 0; i < rows->rows; i++) {
        uint64_t at = dataset_at(rows->extent, i) - dataset_at(rows->extent, 0);
        uint64_t found =
            dataset_row_hash(rows->images + at, dataset_extent_bytes(rows->extent, i, 1),
                             dataset_labels_key(rows->labels, i));
        if (found == rows->hashes[i])
            continue;
        if (damage->count++ == 0 || rows->first + i < damage->first)
            damage->first = rows->first + i;
    }
}

/* The name that begins after `skip` others; NULL unless the block holds `count` names:
   those of a damaged set may be gone. */
static const char *damage_find_path(const char *block, size_t bytes, size_t count,
                                    size_t skip)
{
    const char *found = NULL, *p = block, *end = block + bytes;
    for (size_t i = 0; i < count; i++) {
        const char *stop = p < end ? memchr(p, '\0', (size_t)(end - p)) : NULL;
        if (!stop)
            return NULL;
        if (i == skip)
            found = p;
        p = stop + 1;
    }
    return p == end && found && *found ? found : NULL;
}

/* The caller's; NULL if it cannot be found. */
static char *damage_path(const struct dataset_info *info, enum dataset_split split,
                         size_t i)
{
    const char *name = dataset_paths_name[split], *found = NULL;
    struct h5file_info extent;
    struct h5file *file;
    char *block = NULL;
    if (!info->has_paths || h5file_open(&file, info->path) != ST_OK)
        return NULL;
    if (h5file_info(file, name, &extent) == ST_OK) {
        block = mem_zeroed(extent.count, 1);
        if (h5file_read(file, name, H5FILE_U8, extent.count, block) == ST_OK)
            found = damage_find_path(block, extent.count, info->count[split], i);
    }
    h5file_close(file);
    char *path = found ? mem_strdup(found) : NULL;
    free(block);
    return path;
}

char *dataset_image_name(const struct dataset_info *info, enum dataset_split split,
                         size_t i)
{
    char *path = damage_path(info, split, i);
    char *name =
        path ? mem_format("image %zu, of '%s'", i, path) : mem_format("image %zu", i);
    free(path);
    return name;
}

enum status dataset_damage_check(const struct dataset_damage *damage,
                                 const struct dataset_info *info,
                                 enum dataset_split split, size_t read)
{
    if (damage->count == 0)
        return ST_OK;
    char *first = dataset_image_name(info, split, damage->first);
    enum status st = status_fail(
        ST_FAIL,
        "'%s' is damaged: of %zu %s images that were read, %zu are not as they were "
        "written, or their labels are not; the first is %s; 'lockstep data info FILE "
        "--verify' finds all; " DATASET_DAMAGE_ADVICE,
        info->path, read, dataset_split_name[split], damage->count, first);
    free(first);
    return st;
}
