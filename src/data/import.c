#include "data/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/parse.h"
#include "data/sampler.h"
#include "dataset_impl.h"
#include "import_impl.h"

#define SIDE_MAX    4096
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
    char copy[32] = "";
    long long rows, columns;
    snprintf(copy, sizeof copy, "%s", text);
    char *cross = strchr(copy, 'x');
    if (cross)
        *cross = '\0';
    if (strlen(text) >= sizeof copy || !parse_int(copy, 1, SIDE_MAX, &rows) ||
        !parse_int(cross ? cross + 1 : copy, 1, SIDE_MAX, &columns))
        FAIL(ST_USAGE,
             "'%s %s': expected pixels, like 28, or HEIGHTxWIDTH, like 32x24, up to %d",
             option, text, SIDE_MAX);
    *h = (int)rows;
    *w = (int)columns;
    return ST_OK;
}

enum status import_label(struct import_labels *labels, long long raw, const char *path,
                         const char *unit, size_t where, uint16_t *label)
{
    long long class = raw - labels->base;
    int most = labels->classes ? labels->classes : DATASET_CLASSES_MAX;
    if (class < 0)
        FAIL(ST_FAIL, "label %lld at %s %zu of '%s' is below the label base %d", raw,
             unit, where, path, labels->base);
    if (class >= most)
        FAIL(
            ST_FAIL,
            "label %lld at %s %zu of '%s' is out of range: %d classes with label base %d "
            "have labels %d to %d",
            raw, unit, where, path, most, labels->base, labels->base,
            labels->base + most - 1);
    if (class > labels->largest)
        labels->largest = (int)class;
    *label = (uint16_t) class;
    return ST_OK;
}

enum status import_named_classes(const char *text, struct dataset_builder *builder,
                                 struct import_labels *labels)
{
    if (text)
        TRY(import_classes(text, &builder->class_name, &builder->classes));
    labels->classes = builder->classes;
    labels->largest = -1;
    return ST_OK;
}

void import_number_classes(struct dataset_builder *builder,
                           const struct import_labels *labels)
{
    if (builder->class_name)
        return;
    builder->classes = labels->largest + 1;
    builder->class_name = import_numbered_names(labels->base, builder->classes);
}

void import_transpose(int h, int w, const uint8_t *in, uint8_t *out)
{
    for (int y = 0; y < h; y++) {
        for (int x = 0; x < w; x++)
            out[x * h + y] = in[y * w + x];
    }
}

/* How the images of one class are divided: the first `taken` in a random order go to the
   other split. */
struct import_quota {
    struct sampler order;
    size_t count, seen, taken;
};

static struct import_quota *import_quotas(const struct dataset_builder *builder,
                                          enum dataset_split split, double share,
                                          uint64_t seed)
{
    uint32_t draw = split == DATASET_TEST ? 0 : DATASET_CLASSES_MAX;
    struct import_quota *quota = mem_zeroed((size_t)builder->classes, sizeof *quota);
    for (size_t i = 0; i < builder->count[DATASET_TRAIN]; i++)
        quota[builder->labels[DATASET_TRAIN][i]].count++;
    for (int c = 0; c < builder->classes; c++) {
        struct import_quota *q = &quota[c];
        if (q->count == 0)
            continue;
        q->taken = (size_t)((double)q->count * share + 0.5);
        if (q->taken >= q->count)
            q->taken = q->count - 1;
        sampler_init(&q->order, seed, draw + (uint32_t)c, q->count);
    }
    return quota;
}

void import_take_share(struct dataset_builder *builder, enum dataset_split split,
                       double share, uint64_t seed)
{
    struct import_quota *quota = import_quotas(builder, split, share, seed);
    size_t image = (size_t)builder->h * (size_t)builder->w, kept = 0, taken = 0;
    uint8_t *images = builder->images[DATASET_TRAIN], *taken_images;
    uint16_t *labels = builder->labels[DATASET_TRAIN], *taken_labels;
    for (int c = 0; c < builder->classes; c++)
        taken += quota[c].taken;
    taken_images = mem_zeroed(taken, image);
    taken_labels = mem_zeroed(taken, sizeof *taken_labels);
    taken = 0;
    for (size_t i = 0; i < builder->count[DATASET_TRAIN]; i++) {
        struct import_quota *q = &quota[labels[i]];
        if (sampler_at(&q->order, q->seen++) < q->taken) {
            memcpy(taken_images + taken * image, images + i * image, image);
            taken_labels[taken++] = labels[i];
            continue;
        }
        memmove(images + kept * image, images + i * image, image);
        labels[kept++] = labels[i];
    }
    free(quota);
    builder->count[DATASET_TRAIN] = kept;
    builder->count[split] = taken;
    free(builder->images[split]); /* an empty split may have an array */
    free(builder->labels[split]);
    builder->images[split] = taken_images;
    builder->labels[split] = taken_labels;
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

struct dataset_treatment import_untreated(void)
{
    return (struct dataset_treatment){
        .recorded = true, .invert = TREATMENT_KEEP, .background = TREATMENT_BORDER};
}

const char *import_basename(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}
