#include "data/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stop.h"
#include "data/dataset_verify.h"
#include "import_impl.h"
#include "import_labels.h"
#include "io/image.h"

#define EXPORT_BLOCK ((size_t)1 << 22) /* bytes that are read at once */

struct export
{
    const struct dataset_info *info; /* borrowed, as is the folder's name */
    const char *folder;
    struct fs_writer list; /* of a multi-label set */
};

/* The folder of a class below that of its split. */
static enum status export_class_folder(const struct dataset_info *info,
                                       const char *folder, enum dataset_split split,
                                       int class, char out[FS_PATH])
{
    char *name = mem_strdup(info->class_name[class]);
    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = '_';
    bool usable = *name && name[0] != '.';
    char *path =
        mem_format("%s/%s%s", dataset_split_name[split], usable ? "" : "_", name);
    enum status st = fs_join(out, folder, path);
    free(path);
    free(name);
    return st;
}

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
        TRY(export_class_folder(info, folder, split, c, path));
        if (fs_is_folder(path))
            FAIL(ST_FAIL, "class '%s' has the same folder as another one, '%s'",
                 info->class_name[c], path);
        TRY(fs_make_folder(path));
    }
    return ST_OK;
}

/* --- the list of a multi-label set --- */

static enum status export_check_names(const struct dataset_info *info)
{
    for (int c = 0; c < info->classes && info->multi_label; c++)
        if (strchr(info->class_name[c], IMPORT_LABELS_BETWEEN))
            FAIL(ST_USAGE,
                 "class '%s' of '%s' has a '%c' in its name, which stands between the "
                 "classes of an image in a list",
                 info->class_name[c], info->path, IMPORT_LABELS_BETWEEN);
    return ST_OK;
}

/* A line for each of n images from number `first` on; of another set nothing. */
static void export_list(const struct export *export, enum dataset_split split,
                        size_t first, size_t n, const struct dataset_labels *labels)
{
    const struct dataset_info *info = export->info;
    for (size_t i = 0; i < n && info->multi_label; i++) {
        char *text = mem_strdup("");
        for (int c = 0; (c = dataset_labels_next(labels, i, info->classes, c)) >= 0; c++)
            mem_append(&text, "%s%s", *text ? ";" : "", info->class_name[c]);
        fprintf(export->list.file, "%s/%06zu.png,", dataset_split_name[split], first + i);
        import_write_field(export->list.file, text);
        fprintf(export->list.file, ",%s\n", dataset_split_name[split]);
        free(text);
    }
}

/* --- images --- */

/* The folder of image i, whose labels are labels[i]. */
static enum status export_folder(const struct export *export, enum dataset_split split,
                                 const struct dataset_labels *labels, size_t i,
                                 char path[FS_PATH])
{
    if (export->info->multi_label)
        return fs_join(path, export->folder, dataset_split_name[split]);
    return export_class_folder(export->info, export->folder, split, labels->one[i], path);
}

static enum status export_rows(const struct export *export, enum dataset_split split,
                               size_t first, size_t n, uint8_t *pixels,
                               const struct dataset_labels *labels)
{
    const struct dataset_info *info = export->info;
    const char *folder = export->folder;
    char path[FS_PATH];
    size_t bytes = dataset_image_bytes(info->shape);
    TRY(dataset_read_rows(info, split, first, n, pixels, NULL));
    export_list(export, split, first, n, labels);
    for (size_t i = 0; i < n; i++) {
        const struct image image = {info->shape.h, info->shape.w, info->shape.c,
                                    pixels + i * bytes};
        TRY(export_folder(export, split, labels, i, path));
        char *file = mem_format("%s/%06zu.png", path, first + i);
        enum status st = image_write_png(&image, file);
        free(file);
        TRY(st);
        if (stop_requested())
            FAIL(ST_FAIL, "interrupted: '%s' is incomplete", folder);
    }
    log_progress("%s: %zu of %zu %s images", folder, first + n, info->count[split],
                 dataset_split_name[split]);
    return ST_OK;
}

static enum status export_split(const struct export *export, enum dataset_split split)
{
    const struct dataset_info *info = export->info;
    size_t bytes = dataset_image_bytes(info->shape), count = info->count[split];
    size_t rows = bytes < EXPORT_BLOCK ? EXPORT_BLOCK / bytes : 1;
    uint8_t *pixels = mem_zeroed(rows, bytes);
    enum status st = export_make_folders(info, export->folder, split);
    for (size_t i = 0, n; i < count && st == ST_OK; i += n) {
        struct dataset_labels labels;
        n = count - i < rows ? count - i : rows;
        st = dataset_read_labels(info, split, i, n, &labels);
        if (st == ST_OK)
            st = export_rows(export, split, i, n, pixels, &labels);
        dataset_labels_release(&labels);
    }
    free(pixels);
    return st;
}

static enum status export_splits(const struct export *export, size_t *written)
{
    *written = 0;
    for (int s = 0; s < DATASET_SPLITS; s++) {
        TRY(export_split(export, s));
        *written += export->info->count[s];
    }
    return ST_OK;
}

static enum status export_with_list(struct export *export, size_t *written)
{
    char path[FS_PATH];
    TRY(fs_join(path, export->folder, EXPORT_LIST));
    TRY(fs_write_begin(&export->list, path));
    fputs("path,label,split\n", export->list.file);
    enum status st = export_splits(export, written);
    if (st == ST_OK)
        return fs_write_end(&export->list);
    fs_write_drop(&export->list);
    return st;
}

enum status export_images(const struct dataset_info *info, const char *folder,
                          size_t *written)
{
    struct export export = {.info = info, .folder = folder};
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
    return info->multi_label ? export_with_list(&export, written)
                             : export_splits(&export, written);
}
