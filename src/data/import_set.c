#include "import_set.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "base/parse.h"
#include "data/dataset_writer.h"
#include "import_labels.h"
#include "io/text.h"

void import_set_release(struct import_set *set)
{
    for (size_t i = 0; i < set->count; i++) {
        free(set->picture[i].path);
        free(set->picture[i].reason);
    }
    free(set->picture);
    free(set->label);
    for (int s = 0; s < DATASET_SPLITS; s++)
        free(set->per_class[s]);
    fs_free_list(set->class_name, set->classes);
    import_names_release(&set->names);
    free(set->passed.example);
    free(set->passed.hollow);
    free(set->root);
    free(set->source);
    free(set->input);
    *set = (struct import_set){0};
}

struct import_picture *import_set_add(struct import_set *set, char *path, int class,
                                      int split)
{
    if (set->count == set->room) {
        set->room = set->room ? 2 * set->room : 256;
        set->picture = mem_resize(set->picture, set->room, sizeof *set->picture);
    }
    struct import_picture *picture = &set->picture[set->count++];
    *picture = (struct import_picture){.path = path,
                                       .class = class,
                                       .split = split,
                                       .group = IMPORT_NO_GROUP,
                                       .weight = 1};
    if (split != IMPORT_SPLIT_OPEN)
        set->splits_given[split] = true;
    return picture;
}

int import_set_class(struct import_set *set, const char *name)
{
    char *normal = text_nfc(name);
    int class = import_names_find(&set->names, set->class_name, normal, strlen(normal));
    if (class >= 0) {
        free(normal);
        return class;
    }
    set->class_name =
        mem_resize(set->class_name, (size_t)set->classes + 1, sizeof *set->class_name);
    set->class_name[set->classes] = normal;
    import_names_add(&set->names, set->class_name);
    return set->classes++;
}

struct import_class_order {
    char *name;
    long long number;
    int before;
};

static int import_class_by_number(const void *a, const void *b)
{
    const struct import_class_order *x = a, *y = b;
    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return strcmp(x->name, y->name); /* 7 and 07 */
}

static int import_class_by_name(const void *a, const void *b)
{
    const struct import_class_order *x = a, *y = b;
    return strcmp(x->name, y->name);
}

void import_set_sort(struct import_set *set)
{
    size_t classes = (size_t)set->classes;
    struct import_class_order *order = mem_zeroed(classes, sizeof *order);
    int *now = mem_zeroed(classes, sizeof *now);
    bool numbers = true;
    for (int i = 0; i < set->classes; i++) {
        order[i] = (struct import_class_order){.name = set->class_name[i], .before = i};
        numbers = numbers && parse_int(order[i].name, 0, INT32_MAX, &order[i].number);
    }
    qsort(order, classes, sizeof *order,
          numbers ? import_class_by_number : import_class_by_name);
    for (int i = 0; i < set->classes; i++) {
        set->class_name[i] = order[i].name;
        now[order[i].before] = i;
    }
    import_labels_renumber(set, now);
    import_names_renumber(&set->names, now);
    free(now);
    free(order);
}

void import_set_by_class(struct import_set *set)
{
    struct import_picture *sorted = mem_zeroed(set->count + 1, sizeof *sorted);
    size_t *next = mem_zeroed((size_t)set->classes + 1, sizeof *next);
    for (size_t i = 0; i < set->count; i++)
        next[set->picture[i].class + 1]++;
    for (int c = 1; c <= set->classes; c++)
        next[c] += next[c - 1];
    for (size_t i = 0; i < set->count; i++)
        sorted[next[set->picture[i].class]++] = set->picture[i];
    free(next);
    free(set->picture);
    set->picture = sorted;
    set->room = set->count + 1;
}

int import_split_of(const char *word)
{
    static const struct {
        const char *word;
        enum dataset_split split;
    } words[] = {
        {"train", DATASET_TRAIN},  {"training", DATASET_TRAIN}, {"val", DATASET_VAL},
        {"valid", DATASET_VAL},    {"validation", DATASET_VAL}, {"test", DATASET_TEST},
        {"testing", DATASET_TEST},
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(word, words[i].word) == 0)
            return words[i].split;
    return IMPORT_SPLIT_OPEN;
}

enum status import_path(const struct import_set *set,
                        const struct import_picture *picture, char out[FS_PATH])
{
    bool absolute = picture->path[0] == '/';
    return fs_join(out, absolute ? "/" : set->root,
                   absolute ? picture->path + 1 : picture->path);
}

static void import_load_memory(const struct dataset_builder *builder, size_t i,
                               struct image *image)
{
    int split = DATASET_TRAIN;
    while (i >= builder->count[split])
        i -= builder->count[split++];
    const struct shape shape = {builder->h, builder->w, builder->c ? builder->c : 1};
    *image = (struct image){shape.h, shape.w, shape.c,
                            builder->images[split] + i * dataset_image_bytes(shape)};
}

enum status import_load(const struct import_set *set, size_t i,
                        const struct image_options *reader, struct image *image,
                        struct image_facts *facts)
{
    char path[FS_PATH];
    *image = (struct image){0};
    if (facts)
        *facts = (struct image_facts){0};
    if (set->memory) {
        import_load_memory(set->memory, i, image);
        return ST_OK;
    }
    TRY(import_path(set, &set->picture[i], path));
    return image_read_file(image, path, reader, facts);
}

void import_unload(const struct import_set *set, struct image *image)
{
    if (!set->memory)
        image_release(image);
}

void import_count(struct import_set *set)
{
    for (int s = 0; s < DATASET_SPLITS; s++) {
        free(set->per_class[s]);
        set->per_class[s] = mem_zeroed((size_t)set->classes, sizeof *set->per_class[s]);
        set->total[s] = 0;
    }
    for (size_t i = 0; i < set->count; i++) {
        const struct import_picture *picture = &set->picture[i];
        int labels;
        const int *class = import_labels_of(set, picture, &labels);
        if (picture->reason)
            continue;
        set->total[picture->split]++;
        for (int k = 0; k < labels; k++)
            set->per_class[picture->split][class[k]]++;
    }
}
