/* export: a list of the images with their weights, which folders cannot hold. */
#include <stdio.h>
#include <stdlib.h>

#include "base/fs.h"
#include "base/mem.h"
#include "export_impl.h"

/* A field of RFC 4180. */
static void export_put_field(FILE *file, const char *text)
{
    fputc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', file);
        fputc(*text, file);
    }
    fputc('"', file);
}

/* weights: NULL for splits that have none. */
static enum status export_put_split(FILE *file, const struct dataset_info *info,
                                    enum dataset_split split, const float *weights)
{
    size_t count = info->count[split];
    uint16_t *labels = mem_zeroed(count + 1, sizeof *labels);
    enum status st = dataset_read_rows(info, split, 0, count, NULL, labels);
    for (size_t i = 0; i < count && st == ST_OK; i++) {
        char *path = export_image_path(info, split, labels[i], i);
        export_put_field(file, path);
        fputc(',', file);
        export_put_field(file, info->class_name[labels[i]]);
        fprintf(file, ",%s,", dataset_split_name[split]);
        if (weights)
            fprintf(file, "%.9g", (double)weights[i]);
        fputc('\n', file);
        free(path);
    }
    free(labels);
    return st;
}

static enum status export_put_list(FILE *file, const struct dataset_info *info)
{
    float *weights = mem_zeroed(info->count[DATASET_TRAIN] + 1, sizeof *weights);
    enum status st = dataset_read_weights(info, weights);
    fprintf(file, "path,label,split,weight\n");
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
