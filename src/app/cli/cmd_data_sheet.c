#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "base/log.h"
#include "base/mem.h"
#include "cmd_data.h"
#include "data/dataset.h"
#include "io/image.h"
#include "output.h"

#define SHEET_GAP      2     /* pixels between images */
#define SHEET_GREY     96    /* of the gaps */
#define SHEET_SIDE_MAX 65535 /* pixels */

/* Copies an image of h x w pixels to its place. */
static void sheet_place(struct image *sheet, const uint8_t *pixels, int h, int w, int row,
                        int column)
{
    size_t stride = (size_t)sheet->w;
    size_t top = (size_t)(SHEET_GAP + row * (h + SHEET_GAP));
    size_t left = (size_t)(SHEET_GAP + column * (w + SHEET_GAP));
    for (int y = 0; y < h; y++)
        memcpy(sheet->pixel + (top + (size_t)y) * stride + left, pixels + y * w,
               (size_t)w);
}

/* The first `columns` images of each class, one row per class. */
static enum status sheet_fill(const struct dataset_info *info, enum dataset_split split,
                              int columns, struct image *sheet)
{
    size_t n = info->count[split];
    int h = info->shape.h, w = info->shape.w;
    int *placed = mem_zeroed((size_t)info->classes, sizeof *placed);
    uint16_t *labels = mem_zeroed(n, sizeof *labels);
    uint8_t *pixels = mem_zeroed((size_t)h * (size_t)w, 1);
    enum status st = dataset_read_rows(info, split, 0, n, NULL, labels);
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        int row = labels[i];
        if (placed[row] == columns)
            continue;
        st = dataset_read_rows(info, split, i, 1, pixels, NULL);
        sheet_place(sheet, pixels, h, w, row, placed[row]++);
    }
    free(pixels);
    free(labels);
    free(placed);
    return st;
}

static enum status sheet_make(const struct dataset_info *info, enum dataset_split split,
                              int columns, const char *out)
{
    long long h = SHEET_GAP + (long long)info->classes * (info->shape.h + SHEET_GAP);
    long long w = SHEET_GAP + (long long)columns * (info->shape.w + SHEET_GAP);
    if (info->count[split] == 0)
        FAIL(ST_FAIL, "'%s' holds no %s images", info->path, dataset_split_name[split]);
    if (h > SHEET_SIDE_MAX || w > SHEET_SIDE_MAX)
        FAIL(ST_USAGE,
             "a sheet of %lld x %lld pixels is too large: take a smaller "
             "--per-class",
             h, w);
    struct image sheet = {(int)h, (int)w, 1, mem_zeroed((size_t)h * (size_t)w, 1)};
    memset(sheet.pixel, SHEET_GREY, (size_t)h * (size_t)w);
    enum status st = sheet_fill(info, split, columns, &sheet);
    if (st == ST_OK)
        st = image_write_png(&sheet, out);
    if (st == ST_OK)
        log_out(
            "%s: a row for each of %d classes, '%s' to '%s', up to %d %s images each\n",
            out, info->classes, info->class_name[0], info->class_name[info->classes - 1],
            columns, dataset_split_name[split]);
    image_release(&sheet);
    return st;
}

enum status cmd_data_sheet(int argc, char **argv)
{
    const char *file, *out = NULL, *split_name = "test";
    long long per_class = 20;
    bool force = false;
    enum dataset_split split;
    int count;
    const struct cli_command command = {
        "data sheet", "FILE", 1, 1,
        "Draw a contact sheet of a data set, one row per class."};
    const struct cli_option options[] = {
        {"out", CLI_TEXT, &out, "PNG", "image to write"},
        {"split", CLI_TEXT, &split_name, "NAME",
         "which images: train, val or test, default test"},
        {"per-class", CLI_INT, &per_class, "N", "images per row, default 20"},
        {"force", CLI_FLAG, &force, NULL, "replace the image if it exists"},
        {0},
    };
    struct dataset_info info;
    TRY(cli_parse(&command, options, argc, argv, &file, &count));
    if (count < 0)
        return ST_OK;
    TRY(dataset_split_named(split_name, "split", &split));
    if (per_class < 1 || per_class > 10000)
        FAIL(ST_USAGE, "'--per-class %lld': expected 1 to 10000", per_class);
    TRY(output_check(out, force));
    TRY(dataset_info_read(&info, file));
    enum status st = sheet_make(&info, split, (int)per_class, out);
    dataset_info_release(&info);
    return st;
}
