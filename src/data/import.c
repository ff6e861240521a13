#include "data/import.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/parse.h"
#include "dataset_impl.h"
#include "import_impl.h"

#define SIDE_MAX    4096
#define DARK_MOST   63 /* of pixels that use the low end of their range alone */
#define FIRST_BYTES ((size_t)1 << 20) /* of images, before their number is known */

static char **import_numbered_names(int first, int count)
{
    char **names = mem_zeroed((size_t)count, sizeof *names);
    for (int i = 0; i < count; i++)
        names[i] = mem_format("%d", first + i);
    return names;
}

static enum status import_check_names(char *const *names, int count)
{
    if (count < 2)
        FAIL(ST_USAGE,
             "one class is not enough: classes are 'letters', 'digits' or a list "
             "like 'cat,dog'");
    for (int i = 0; i < count; i++) {
        if (!*names[i])
            FAIL(ST_USAGE, "the name of class number %d is empty", i);
        for (int j = 0; j < i; j++) {
            if (strcmp(names[i], names[j]) == 0)
                FAIL(ST_USAGE, "class '%s' is listed twice", names[i]);
        }
    }
    return ST_OK;
}

enum status import_classes(const char *text, char ***names, int *count)
{
    if (strcmp(text, "digits") == 0) {
        *count = 10;
        *names = import_numbered_names(0, 10);
        return ST_OK;
    }
    char **list = NULL;
    int n = 0;
    if (strcmp(text, "letters") == 0) {
        list = mem_zeroed(26, sizeof *list);
        for (; n < 26; n++)
            list[n] = mem_format("%c", 'A' + n);
    } else {
        char *copy = mem_strdup(text), *rest = copy, *name;
        while ((name = strsep(&rest, ",")) != NULL) {
            list = mem_resize(list, (size_t)n + 1, sizeof *list);
            list[n++] = mem_strdup(parse_trim(name));
        }
        free(copy);
    }
    enum status st = import_check_names(list, n);
    if (st != ST_OK) {
        fs_free_list(list, n);
        return st;
    }
    *names = list;
    *count = n;
    return ST_OK;
}

enum status import_read_size(const char *option, const char *text, int *h, int *w)
{
    if (!parse_size(text, 1, SIDE_MAX, h, w))
        FAIL(ST_USAGE,
             "'%s %s': expected pixels, like 28, or HEIGHTxWIDTH, like 32x24, up to %d",
             option, text, SIDE_MAX);
    return ST_OK;
}

enum status import_label(struct import_labels *labels, long long raw, const char *path,
                         const char *unit, size_t where, uint16_t *label)
{
    long long class = raw - labels->base;
    int most = labels->classes ? labels->classes : DATASET_CLASSES_MAX;
    if (class < 0)
        FAIL(ST_FAIL,
             "label %lld at %s %zu of '%s' is below the label base %d: give the least "
             "label with --label-base",
             raw, unit, where, path, labels->base);
    if (class >= most)
        FAIL(
            ST_FAIL,
            "label %lld at %s %zu of '%s' is out of range: %d classes with label base %d "
            "have labels %d to %d%s",
            raw, unit, where, path, most, labels->base, labels->base,
            labels->base + most - 1,
            class == most && labels->base == 0
                ? "; if the labels begin at 1, give --label-base 1"
                : "");
    if (class > labels->largest)
        labels->largest = (int)class;
    if (class < labels->least)
        labels->least = (int)class;
    *label = (uint16_t) class;
    return ST_OK;
}

enum status import_named_classes(const struct import_table_options *options,
                                 struct dataset_builder *builder,
                                 struct import_labels *labels)
{
    if (options->classes)
        TRY(import_classes(options->classes, &builder->class_name, &builder->classes));
    *labels = (struct import_labels){.base = options->label_base,
                                     .classes = builder->classes,
                                     .largest = -1,
                                     .least = INT_MAX};
    return ST_OK;
}

/* EMNIST's labels begin at 1, those of its letters. One label alone is refused later. */
static enum status import_check_base(const struct import_labels *labels,
                                     const struct import_table_options *options,
                                     const char *path)
{
    if (options->allow_empty || labels->least == 0 || labels->least >= labels->largest)
        return ST_OK;
    FAIL(ST_FAIL,
         "the labels of '%s' begin at %d: give --label-base %d, or --allow-empty to keep "
         "classes without images",
         path, labels->base + labels->least, labels->base + labels->least);
}

static void import_note_range(const struct dataset_builder *builder, const char *path)
{
    size_t bytes =
        (size_t)builder->h * (size_t)builder->w * builder->count[DATASET_TRAIN];
    uint8_t largest = 0;
    for (size_t i = 0; i < bytes && largest <= DARK_MOST; i++)
        if (builder->images[DATASET_TRAIN][i] > largest)
            largest = builder->images[DATASET_TRAIN][i];
    if (largest > 0 && largest <= DARK_MOST)
        log_note("the pixels of '%s' fill only 0..%d of 0..255; --max-value %d scales "
                 "them, as predict's pictures are",
                 path, largest, largest);
}

enum status import_finish(struct dataset_builder *builder,
                          const struct import_labels *labels,
                          const struct import_table_options *options, const char *path)
{
    if (!builder->class_name) {
        TRY(import_check_base(labels, options, path));
        builder->classes = labels->largest + 1;
        builder->class_name = import_numbered_names(labels->base, builder->classes);
    }
    if (options->max_value <= 0)
        import_note_range(builder, path);
    if (!options->transpose && strcasestr(import_basename(path), "emnist"))
        log_note("'%s' looks like EMNIST, whose images are stored column by column: "
                 "--transpose turns them upright",
                 path);
    builder->treatment = (struct dataset_treatment){
        .recorded = true, .invert = TREATMENT_KEEP, .background = TREATMENT_BORDER};
    return ST_OK;
}

bool import_scale(double value, double max_value, uint8_t *pixel)
{
    double scaled = value * (255 / max_value) + 0.5;
    if (!(value >= 0 && value <= max_value))
        return false;
    *pixel = (uint8_t)scaled;
    return true;
}

void import_transpose(int h, int w, const uint8_t *in, uint8_t *out)
{
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++)
            out[x * h + y] = in[y * w + x];
    }
}

void import_make_room(struct dataset_builder *builder, enum dataset_split split,
                      size_t *room)
{
    size_t image = (size_t)builder->h * (size_t)builder->w;
    if (builder->count[split] < *room)
        return;
    *room = *room ? 2 * *room : 1 + FIRST_BYTES / image;
    builder->images[split] = mem_resize(builder->images[split], *room, image);
    builder->labels[split] = mem_resize(builder->labels[split], *room, sizeof(uint16_t));
}

const char *import_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}
