/* export: a list of the images with what folders cannot hold: weights, several
   classes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "export_impl.h"
#include "import_impl.h"
#include "import_labels.h"
#include "io/csv.h"

enum status export_check_names(const struct dataset_info *info)
{
    for (int c = 0; c < info->classes && info->multi_label; c++)
        if (strchr(info->class_name[c], IMPORT_LABELS_BETWEEN))
            FAIL(ST_USAGE,
                 "class '%s' of '%s' has a '%c' in its name, which stands between the "
                 "classes of an image in a list",
                 info->class_name[c], info->path, IMPORT_LABELS_BETWEEN);
    return ST_OK;
}

/* The class of image i, or its classes with ';' between them. */
static void export_put_label(FILE *file, const struct dataset_info *info,
                             const struct dataset_labels *labels, size_t i)
{
    char *text = mem_strdup("");
    int classes = info->classes, first = dataset_labels_next(labels, i, classes, 0);
    for (int c = first; c >= 0; c = dataset_labels_next(labels, i, classes, c + 1))
        mem_append(&text, "%s%s", c > first ? ";" : "", info->class_name[c]);
    csv_write_text(file, text);
    free(text);
}

/* weights: NULL for splits that have none. */
static enum status export_put_split(FILE *file, const struct dataset_info *info,
                                    enum dataset_split split, const float *weights)
{
    struct dataset_labels labels;
    TRY(dataset_read_labels(info, split, 0, info->count[split], &labels));
    for (size_t i = 0; i < info->count[split]; i++) {
        char *path = export_image_path(info, split, &labels, i, i);
        csv_write_text(file, path);
        fputc(',', file);
        export_put_label(file, info, &labels, i);
        fprintf(file, ",%s", dataset_split_name[split]);
        if (info->has_weights)
            fputc(',', file);
        if (weights)
            fprintf(file, "%.9g", (double)weights[i]);
        fputc('\n', file);
        free(path);
    }
    dataset_labels_release(&labels);
    return ST_OK;
}

static enum status export_put_list(FILE *file, const struct dataset_info *info)
{
    float *weights = NULL;
    enum status st = ST_OK;
    if (info->has_weights) {
        weights = mem_zeroed(info->count[DATASET_TRAIN] + 1, sizeof *weights);
        st = dataset_read_weights(info, weights);
    }
    fprintf(file, "path,label,split%s\n", info->has_weights ? ",weight" : "");
    for (int s = 0; s < DATASET_SPLITS && st == ST_OK; s++)
        if (info->count[s] > 0)
            st = export_put_split(file, info, s, s == DATASET_TRAIN ? weights : NULL);
    free(weights);
    return st;
}

enum status export_list(const struct dataset_info *info, const char *folder)
{
    struct fs_writer writer;
    char path[FS_PATH];
    TRY(fs_join(path, folder, EXPORT_LIST));
    TRY(fs_write_begin(&writer, path));
    enum status st = export_put_list(writer.file, info);
    if (st == ST_OK)
        return fs_write_end(&writer);
    fs_write_drop(&writer);
    return st;
}
