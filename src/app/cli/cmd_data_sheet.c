#include <stdlib.h>
#include <string.h>

#include "app/cli/cli.h"
#include "app/config/config.h"
#include "app/run/output.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/table.h"
#include "cmd_data.h"
#include "data/dataset_verify.h"
#include "data/loader.h"
#include "io/image.h"
#include "io/target.h"

#define SHEET_GAP      2                 /* pixels between images */
#define SHEET_GREY     96                /* of the gaps */
#define SHEET_SIDE_MAX 65535             /* pixels */
#define SHEET_BLOCK    ((size_t)1 << 20) /* bytes of images that are read at a time */

struct sheet_request {
    const char *file, *out, *split_name;
    const char *config; /* NULL: images as they are in the file */
    struct cli_texts set;
    enum dataset_split split;
    long long per_class, classes;
    bool force, no_verify;
};

static const struct target_kind sheet_target = {"a PNG image",
                                                .head = "\211PNG\r\n\032\n"};

/* A sheet in the making. */
struct sheet {
    const struct sheet_request *request;
    const struct dataset_info *info;
    const struct config *config; /* NULL: not augmented */
    int rows;                    /* classes shown: the first ones */
    size_t *count;               /* owned: (rows) images of each in the split */
    int columns;
    struct shape shown;           /* of each image on the sheet */
    struct dataset_labels labels; /* owned: of all images of the split */
    struct image image;
};

/* Copies an image to its place. */
static void sheet_place(struct sheet *sheet, const uint8_t *pixels, int row, int column)
{
    const struct shape *shape = &sheet->shown;
    size_t c = (size_t)shape->c, stride = (size_t)sheet->image.w * c;
    size_t top = (size_t)(SHEET_GAP + row * (shape->h + SHEET_GAP));
    size_t left = (size_t)(SHEET_GAP + column * (shape->w + SHEET_GAP)) * c;
    size_t line = (size_t)shape->w * c;
    for (size_t y = 0; y < (size_t)shape->h; y++)
        memcpy(sheet->image.pixel + (top + y) * stride + left, pixels + y * line, line);
}

/* What the network sees of image number i in the first epoch, as bytes. */
static void sheet_augment(const struct sheet *sheet, size_t i, uint8_t *pixels, float *x)
{
    const struct dataset_info *info = sheet->info;
    const struct run_options *run = &sheet->config->run;
    struct loader_input input = {.crop = run->input.crop};
    const struct augment_sample sample = {.options = &run->augment,
                                          .seed = run->train.seed,
                                          .sample = i,
                                          .shape = info->shape,
                                          .out = sheet->shown,
                                          .mean = info->mean};
    memcpy(input.mean, info->mean, sizeof input.mean);
    memcpy(input.std, info->std, sizeof input.std);
    augment_image(&sample, pixels, x);
    loader_normalise(&input, sheet->shown, x);
    for (int p = 0; p < shape_size(sheet->shown); p++) {
        int c = p % info->shape.c;
        double value = 255 * ((double)x[p] * info->std[c] + info->mean[c]);
        pixels[p] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value + 0.5);
    }
}

/* The first row from `from` on that shows image i; -1: none. */
static int sheet_row(const struct sheet *sheet, size_t i, int from)
{
    return dataset_labels_next(&sheet->labels, i, sheet->rows, from);
}

/* Is there a row that shows image i and has room? */
static bool sheet_wants(const struct sheet *sheet, size_t i, const int *placed)
{
    for (int c = 0; (c = sheet_row(sheet, i, c)) >= 0; c++)
        if (placed[c] < sheet->columns)
            return true;
    return false;
}

static void sheet_place_in_rows(struct sheet *sheet, const uint8_t *pixels, size_t i,
                                int *placed)
{
    for (int c = 0; (c = sheet_row(sheet, i, c)) >= 0; c++)
        if (placed[c] < sheet->columns)
            sheet_place(sheet, pixels, c, placed[c]++);
}

/* The first images of each class, one row per class; an image of several classes is in
   several rows. */
static enum status sheet_fill(struct sheet *sheet)
{
    const struct dataset_info *info = sheet->info;
    enum dataset_split split = sheet->request->split;
    size_t n = info->count[split], bytes = dataset_image_bytes(info->shape);
    size_t room = SHEET_BLOCK / bytes + 1, first = 0, read = 0;
    int *placed = mem_zeroed((size_t)info->classes, sizeof *placed);
    uint8_t *block = mem_zeroed(room, bytes);
    float *x = mem_zeroed(bytes, sizeof *x);
    enum status st = ST_OK;
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        if (!sheet_wants(sheet, i, placed))
            continue;
        if (i >= first + read) {
            first = i;
            read = n - i < room ? n - i : room;
            st = dataset_read_rows(info, split, first, read, block, NULL);
            if (st != ST_OK)
                break;
        }
        uint8_t *pixels = block + (i - first) * bytes;
        if (sheet->config)
            sheet_augment(sheet, i, pixels, x);
        sheet_place_in_rows(sheet, pixels, i, placed);
    }
    free(x);
    free(block);
    free(placed);
    return st;
}

/* As many columns as the largest class that is shown has images, --per-class at most. */
static enum status sheet_read_labels(struct sheet *sheet)
{
    const struct sheet_request *request = sheet->request;
    const struct dataset_info *info = sheet->info;
    size_t n = info->count[request->split], most = (size_t)request->per_class;
    sheet->count = mem_zeroed((size_t)sheet->rows, sizeof *sheet->count);
    enum status st = dataset_read_labels(info, request->split, 0, n, &sheet->labels);
    for (size_t i = 0; i < n && st == ST_OK; i++)
        for (int c = 0; (c = sheet_row(sheet, i, c)) >= 0; c++) {
            size_t shown = ++sheet->count[c] < most ? sheet->count[c] : most;
            if ((int)shown > sheet->columns)
                sheet->columns = (int)shown;
        }
    if (st == ST_OK && sheet->columns == 0)
        st = status_fail(ST_FAIL,
                         "the first %d classes of '%s' have no %s images: raise "
                         "--classes, or choose another --split",
                         sheet->rows, info->path, dataset_split_name[request->split]);
    return st;
}

static void sheet_tell_rows(const struct sheet *sheet)
{
    struct table table;
    table_init(&table, ">row", "<class", ">images", NULL);
    for (int c = 0; c < sheet->rows; c++) {
        table_cellf(&table, "%d", c + 1);
        table_cellf(&table, "%s", sheet->info->class_name[c]);
        table_cellf(&table, "%zu", sheet->count[c]);
    }
    table_print(&table);
    table_release(&table);
}

static void sheet_tell(const struct sheet *sheet)
{
    const struct sheet_request *request = sheet->request;
    const struct dataset_info *info = sheet->info;
    log_out("%s: a row for each of ", request->out);
    if (sheet->rows < info->classes)
        log_out("the first %d of ", sheet->rows);
    log_out("%d classes, '%s' to '%s', up to %d %s images each%s\n", info->classes,
            info->class_name[0], info->class_name[sheet->rows - 1], sheet->columns,
            dataset_split_name[request->split],
            sheet->config ? ", as the network sees them in the first epoch" : "");
    sheet_tell_rows(sheet);
}

static enum status sheet_make(struct sheet *sheet)
{
    const struct sheet_request *request = sheet->request;
    const struct dataset_info *info = sheet->info;
    if (info->count[request->split] == 0)
        FAIL(ST_FAIL, "'%s' holds no %s images", info->path,
             dataset_split_name[request->split]);
    TRY(sheet_read_labels(sheet));
    long long h = SHEET_GAP + (long long)sheet->rows * (sheet->shown.h + SHEET_GAP);
    long long w = SHEET_GAP + (long long)sheet->columns * (sheet->shown.w + SHEET_GAP);
    if (h > SHEET_SIDE_MAX || w > SHEET_SIDE_MAX)
        FAIL(ST_USAGE,
             "a sheet of %lld x %lld pixels is too large: take a smaller --per-class or "
             "--classes",
             h, w);
    size_t bytes = (size_t)h * (size_t)w * (size_t)info->shape.c;
    sheet->image = (struct image){
        .h = (int)h, .w = (int)w, .c = info->shape.c, .pixel = mem_zeroed(bytes, 1)};
    memset(sheet->image.pixel, SHEET_GREY, bytes);
    enum status st = sheet_fill(sheet);
    if (st == ST_OK)
        st = image_write_png(&sheet->image, request->out);
    if (st == ST_OK)
        sheet_tell(sheet);
    image_release(&sheet->image);
    return st;
}

static enum status sheet_draw(const struct sheet_request *request,
                              const struct config *config)
{
    struct dataset_info info;
    TRY(dataset_info_read(&info, request->file));
    info.trusted = request->no_verify;
    bool all = info.classes <= request->classes;
    struct sheet sheet = {.request = request,
                          .info = &info,
                          .config = config,
                          .shown = info.shape,
                          .rows = all ? info.classes : (int)request->classes};
    enum status st = dataset_check_head(&info);
    if (config && st == ST_OK)
        st = input_crop_of_dataset(&config->run.input.crop, &info, &sheet.shown);
    if (st == ST_OK)
        st = sheet_make(&sheet);
    free(sheet.count);
    dataset_labels_release(&sheet.labels);
    dataset_info_release(&info);
    return st;
}

static enum status sheet_draw_augmented(const struct sheet_request *request)
{
    struct config config;
    config_init(&config);
    enum status st = config_read(&config, request->config);
    for (int i = 0; i < request->set.count && st == ST_OK; i++)
        st = config_set(&config, request->set.text[i]);
    config_note_recipe(&config, request->config);
    if (st == ST_OK)
        st = sheet_draw(request, &config);
    config_release(&config);
    return st;
}

enum status cmd_data_sheet(int argc, char **argv)
{
    struct sheet_request request = {.per_class = 20, .classes = 100};
    int count;
    const struct cli_command command = {
        "data sheet", "FILE", 1, 1,
        "Draw a contact sheet of a data set, one row per class."};
    const struct cli_option options[] = {
        {"out", CLI_TEXT, &request.out, "PNG", "image to write"},
        {"split", CLI_TEXT, &request.split_name, "NAME",
         "which images: train, val or test, default test"},
        {"per-class", CLI_INT, &request.per_class, "N",
         "images per row at most, default 20"},
        {"classes", CLI_INT, &request.classes, "N", "rows at most, default 100"},
        {"augmented", CLI_TEXT, &request.config, "CONFIG",
         "distort and shift the images as a training with CONFIG does; of train, unless "
         "--split says otherwise"},
        {"set", CLI_TEXTS, &request.set, "SECTION.KEY=VALUE",
         "with --augmented: override a key of CONFIG; may be repeated"},
        {"force", CLI_FLAG, &request.force, NULL, "replace the image if it exists"},
        {"no-verify", CLI_FLAG, &request.no_verify, NULL, CLI_NO_VERIFY_HELP},
        {0},
    };
    TRY(cli_parse(&command, options, argc, argv, &request.file, &count));
    if (count < 0)
        return ST_OK;
    if (!request.split_name)
        request.split_name = request.config ? "train" : "test";
    TRY(dataset_split_named(request.split_name, "split", &request.split));
    if (request.set.count > 0 && !request.config)
        FAIL(ST_USAGE, "--set is for --augmented; add it");
    if (request.per_class < 1 || request.per_class > 10000)
        FAIL(ST_USAGE, "'--per-class %lld': expected 1 to 10000", request.per_class);
    if (request.classes < 1)
        FAIL(ST_USAGE, "'--classes %lld': expected a number from 1", request.classes);
    const char *const inputs[] = {request.file, request.config};
    TRY(output_check(request.out, request.force, &sheet_target, inputs, 2));
    return request.config ? sheet_draw_augmented(&request) : sheet_draw(&request, NULL);
}
