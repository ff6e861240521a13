#include "import_labels.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static int labels_by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void labels_append(struct import_set *set, struct import_picture *picture,
                          int class)
{
    const int *mine = set->label + picture->first_label;
    for (int i = 0; i < picture->labels; i++)
        if (mine[i] == class)
            return;
    if (set->labels == set->label_room) {
        set->label_room = set->label_room ? 2 * set->label_room : 256;
        set->label = mem_resize(set->label, set->label_room, sizeof *set->label);
    }
    set->label[set->labels++] = class;
    picture->labels++;
}

void import_labels_begin(struct import_set *set)
{
    set->multi_label = true;
    for (size_t i = 0; i < set->count; i++) {
        struct import_picture *picture = &set->picture[i];
        picture->first_label = set->labels;
        if (picture->class >= 0)
            labels_append(set, picture, picture->class);
    }
}

void import_labels_add(struct import_set *set, int class)
{
    struct import_picture *picture = &set->picture[set->count - 1];
    if (picture->labels == 0)
        picture->first_label = set->labels;
    labels_append(set, picture, class);
}

const int *import_labels_of(const struct import_set *set,
                            const struct import_picture *picture, int *count)
{
    *count = set->multi_label ? picture->labels : 1;
    return set->multi_label ? set->label + picture->first_label : &picture->class;
}

bool import_labels_equal(const struct import_set *set, const struct import_picture *a,
                         const struct import_picture *b)
{
    int m, n;
    const int *x = import_labels_of(set, a, &m), *y = import_labels_of(set, b, &n);
    return m == n && (m == 0 || memcmp(x, y, (size_t)m * sizeof *x) == 0);
}

char *import_labels_text(const struct import_set *set,
                         const struct import_picture *picture)
{
    int count;
    const int *class = import_labels_of(set, picture, &count);
    char *text = mem_strdup(count ? "" : "none");
    for (int i = 0; i < count; i++)
        mem_append(&text, "%s%s", i ? ";" : "", set->class_name[class[i]]);
    return text;
}

void import_labels_renumber(struct import_set *set, const int *now)
{
    for (size_t i = 0; i < set->labels; i++)
        set->label[i] = now[set->label[i]];
    for (size_t i = 0; i < set->count; i++) {
        struct import_picture *picture = &set->picture[i];
        if (set->multi_label)
            qsort(set->label + picture->first_label, (size_t)picture->labels, sizeof(int),
                  labels_by_number);
        else
            picture->class = now[picture->class];
    }
}

void import_labels_choose(struct import_set *set)
{
    size_t *pictures = mem_zeroed((size_t)set->classes, sizeof *pictures);
    if (set->multi_label)
        for (size_t i = 0; i < set->labels; i++)
            pictures[set->label[i]]++;
    for (size_t i = 0; i < set->count && set->multi_label; i++) {
        struct import_picture *picture = &set->picture[i];
        const int *mine = set->label + picture->first_label;
        picture->class = set->classes;
        for (int k = 0; k < picture->labels; k++)
            if (k == 0 || pictures[mine[k]] < pictures[picture->class])
                picture->class = mine[k];
    }
    free(pictures);
}
