#include "export_impl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "data/dataset_verify.h"
#include "io/image.h"

#define EXPORT_BLOCK ((size_t)1 << 22) /* bytes that are read at once */

/* Two classes whose names differ in '/' and '_' alone would mix. */
static enum status export_make_folders(const struct dataset_info *info,
                                       const char *folder, enum dataset_split split)
{
    char path[FS_PATH];
    if (info->multi_label && info->count[split] > 0) {
        TRY(fs_join(path, folder, dataset_split_name[split]));
        return fs_make_folder(path);
    }
    for (int c = 0; c < info->classes && info->count[split] > 0; c++) {
        char *of_class = export_class_path(info, split, c);
        enum status st = fs_join(path, folder, of_class);
        free(of_class);
        TRY(st);
        if (fs_is_folder(path))
            FAIL(ST_FAIL, "class '%s' has the same folder as another one, '%s'",
                 info->class_name[c], path);
        TRY(fs_make_folder(path));
    }
    return ST_OK;
}

static enum status export_rows(const struct dataset_info *info, const char *folder,
                               enum dataset_split split, size_t first, size_t n,
                               uint8_t *pixels, const struct dataset_labels *labels)
{
    size_t bytes = dataset_image_bytes(info->shape);
    TRY(dataset_read_rows(info, split, first, n, pixels, NULL));
    for (size_t i = 0; i < n; i++) {
        const struct image image = {info->shape.h, info->shape.w, info->shape.c,
                                    pixels + i * bytes};
        char *name = export_image_path(info, split, labels, i, first + i);
        char *file = mem_format("%s/%s", folder, name);
        enum status st = image_write_png(&image, file);
        free(file);
        free(name);
        TRY(st);
        if (stop_requested())
            FAIL(ST_FAIL, "interrupted: '%s' is incomplete", folder);
    }
    log_progress("%s: %zu of %zu %s images", folder, first + n, info->count[split],
                 dataset_split_name[split]);
    return ST_OK;
}

static enum status export_split(const struct dataset_info *info, const char *folder,
                                enum dataset_split split)
{
    size_t bytes = dataset_image_bytes(info->shape), count = info->count[split];
    size_t rows = bytes < EXPORT_BLOCK ? EXPORT_BLOCK / bytes : 1;
    uint8_t *pixels = mem_zeroed(rows, bytes);
    enum status st = export_make_folders(info, folder, split);
    for (size_t i = 0, n; i < count && st == ST_OK; i += n) {
        struct dataset_labels labels;
        n = count - i < rows ? count - i : rows;
        st = dataset_read_labels(info, split, i, n, &labels);
        if (st == ST_OK)
            st = export_rows(info, folder, split, i, n, pixels, &labels);
        dataset_labels_release(&labels);
    }
    free(pixels);
    return st;
}

enum status export_images(const struct dataset_info *info, const char *folder,
                          size_t *written)
{
    char **names;
    int count;
    TRY(export_check_names(info));
    TRY(dataset_check_head(info));
    TRY(dataset_check_unhashed(info));
    TRY(fs_make_folder(folder));
    TRY(fs_list(folder, &names, &count));
    fs_free_list(names, count);
    if (count > 0)
        FAIL(ST_USAGE, "folder '%s' is not empty: name a new one", folder);
    *written = 0;
    for (int s = 0; s < DATASET_SPLITS; s++) {
        TRY(export_split(info, folder, s));
        *written += info->count[s];
    }
    return info->has_weights || info->multi_label ? export_list(info, folder) : ST_OK;
}
