#include "data/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "base/stop.h"
#include "import_impl.h"
#include "io/image.h"

/* The state of the import. */
struct dir_reader {
    const struct import_dir_options *options;
    struct dataset_builder *builder;
    enum dataset_split split;
    size_t room;     /* images that fit into the split's arrays */
    size_t inverted; /* images that were dark on light */
    size_t ignored;  /* files that are not named *.png */
};

static int dir_by_number(const void *a, const void *b)
{
    long x = atol(*(char *const *)a), y = atol(*(char *const *)b);
    return (x > y) - (x < y);
}

/* The visible folders in a folder: in order of number if all names are numbers, else of
   name. */
static enum status dir_list_folders(const char *folder, char ***names, int *count)
{
    char **all, path[FS_PATH];
    int n, kept = 0;
    bool numbers = true;
    TRY(fs_list(folder, &all, &n));
    for (int i = 0; i < n; i++) {
        long long value;
        bool keep = all[i][0] != '.' && fs_join(path, folder, all[i]) == ST_OK &&
                    fs_is_folder(path);
        if (!keep) {
            free(all[i]);
            continue;
        }
        numbers = numbers && parse_int(all[i], 0, INT32_MAX, &value);
        all[kept++] = all[i];
    }
    if (numbers && kept > 0)
        qsort(all, (size_t)kept, sizeof *all, dir_by_number);
    *names = all;
    *count = kept;
    return ST_OK;
}

static bool dir_is_png_name(const char *name)
{
    size_t n = strlen(name);
    return name[0] != '.' && n > 4 && strcasecmp(name + n - 4, ".png") == 0;
}

static enum status dir_read_image(struct dir_reader *reader, const char *path, int label)
{
    struct dataset_builder *b = reader->builder;
    struct image image;
    TRY(image_read(&image, path));
    image_to_channels(&image, 1);
    int invert = reader->options->invert;
    if (invert == 1 || (invert < 0 && image_is_dark_on_light(&image))) {
        image_invert(&image);
        reader->inverted++;
    }
    import_make_room(b, reader->split, &reader->room);
    size_t n = b->count[reader->split]++;
    image_fit(&image, IMAGE_PAD, &(const uint8_t){0}, b->h, b->w,
              b->images[reader->split] + n * (size_t)b->h * (size_t)b->w);
    b->labels[reader->split][n] = (uint16_t)label;
    image_release(&image);
    if (n % 256 == 0)
        log_progress("%s: %zu images", path, n);
    return ST_OK;
}

static enum status dir_read_class(struct dir_reader *reader, const char *folder,
                                  int label)
{
    char **names, path[FS_PATH];
    int count, found = 0;
    enum status st = ST_OK;
    TRY(fs_list(folder, &names, &count));
    for (int i = 0; i < count && st == ST_OK; i++) {
        if (!dir_is_png_name(names[i])) {
            reader->ignored += names[i][0] != '.';
            continue;
        }
        found++;
        if (stop_requested())
            st = status_fail(ST_FAIL, "interrupted: nothing was written");
        else
            st = fs_join(path, folder, names[i]);
        if (st == ST_OK)
            st = dir_read_image(reader, path, label);
    }
    fs_free_list(names, count);
    if (st == ST_OK && found == 0 && reader->split == DATASET_TRAIN)
        FAIL(ST_FAIL, "class folder '%s' holds no PNG images (%d other files)", folder,
             count);
    return st;
}

static enum status dir_read_classes(struct dir_reader *reader, const char *folder,
                                    char *const *names, int count)
{
    struct dataset_builder *b = reader->builder;
    char path[FS_PATH];
    for (int i = 0; i < count; i++) {
        int label = 0;
        while (label < b->classes && strcmp(b->class_name[label], names[i]) != 0)
            label++;
        TRY(fs_join(path, folder, names[i]));
        if (label == b->classes)
            FAIL(ST_FAIL, "there are no training images for the class of '%s'", path);
        TRY(dir_read_class(reader, path, label));
    }
    return ST_OK;
}

static enum status dir_read_split(struct dir_reader *reader, const char *folder)
{
    struct dataset_builder *b = reader->builder;
    char **names;
    int count;
    TRY(dir_list_folders(folder, &names, &count));
    if (reader->split == DATASET_TRAIN) {
        b->class_name = names;
        b->classes = count;
        if (count < 2)
            FAIL(ST_FAIL,
                 "'%s' holds %d folders; one folder of PNG images for each class, "
                 "at least two, is expected",
                 folder, count);
        return dir_read_classes(reader, folder, names, count);
    }
    enum status st = dir_read_classes(reader, folder, names, count);
    fs_free_list(names, count);
    if (st == ST_OK && b->count[DATASET_TEST] == 0)
        FAIL(ST_FAIL, "'%s' holds no test images", folder);
    return st;
}

/* The folder of each split; "" if there is none for test. A folder that holds just two
   folders, train and test, is split already. */
static enum status dir_find_folders(const struct import_dir_options *options,
                                    char folder[DATASET_SPLITS][FS_PATH])
{
    const char *root = options->folder[DATASET_TRAIN];
    const char *test = options->folder[DATASET_TEST];
    char **names;
    int count;
    if (snprintf(folder[DATASET_TRAIN], FS_PATH, "%s", root) >= FS_PATH ||
        snprintf(folder[DATASET_TEST], FS_PATH, "%s", test ? test : "") >= FS_PATH)
        FAIL(ST_FAIL, "path too long: '%s'", test ? test : root);
    if (test)
        return ST_OK;
    TRY(dir_list_folders(root, &names, &count));
    bool is_split =
        count == 2 && strcmp(names[0], "test") == 0 && strcmp(names[1], "train") == 0;
    fs_free_list(names, count);
    if (!is_split)
        return ST_OK;
    TRY(fs_join(folder[DATASET_TRAIN], root, "train"));
    return fs_join(folder[DATASET_TEST], root, "test");
}

static void dir_report(const struct dir_reader *reader, size_t images)
{
    if (reader->options->invert < 0 && reader->inverted)
        log_note("%zu of %zu images were dark on light and have been inverted",
                 reader->inverted, images);
    if (reader->ignored)
        log_note("left out %zu files that are not named *.png", reader->ignored);
}

static enum status dir_read_all(const struct import_dir_options *options,
                                struct dataset_builder *builder)
{
    char folder[DATASET_SPLITS][FS_PATH];
    struct dir_reader reader = {.options = options, .builder = builder};
    builder->h = options->h;
    builder->w = options->w;
    TRY(dir_find_folders(options, folder));
    TRY(dir_read_split(&reader, folder[DATASET_TRAIN]));
    reader.split = DATASET_TEST;
    reader.room = 0;
    if (folder[DATASET_TEST][0])
        TRY(dir_read_split(&reader, folder[DATASET_TEST]));
    else
        import_take_share(builder, DATASET_TEST, options->test_share, options->seed);
    builder->treatment = (struct dataset_treatment){
        .recorded = true, /* on black, as it was before this was recorded */
        .invert = options->invert < 0   ? TREATMENT_INVERT_EACH
                  : options->invert > 0 ? TREATMENT_INVERT
                                        : TREATMENT_KEEP};
    dir_report(&reader, builder->count[DATASET_TRAIN] + builder->count[DATASET_TEST]);
    builder->source =
        mem_format("PNG folder %s", import_basename(options->folder[DATASET_TRAIN]));
    return ST_OK;
}

enum status import_dir(const struct import_dir_options *options,
                       struct dataset_builder *builder)
{
    *builder = (struct dataset_builder){0};
    enum status st = dir_read_all(options, builder);
    if (st != ST_OK)
        dataset_builder_release(builder);
    return st;
}
