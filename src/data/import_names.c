#include "import_names.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void import_names_release(struct import_names *names)
{
    free(names->number);
    *names = (struct import_names){0};
}

/* As strcmp compares them. */
static int names_compare(const char *text, size_t length, const char *name)
{
    int order = strncmp(text, name, length);
    return order == 0 && name[length] ? -1 : order;
}

/* The place of the first name that is not less. */
static int names_place(const struct import_names *names, char *const *name,
                       const char *text, size_t length)
{
    int low = 0, high = names->count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        if (names_compare(text, length, name[names->number[middle]]) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int import_names_find(struct import_names *names, char *const *name, const char *text,
                      size_t length)
{
    if (names->count == 0)
        return -1;
    if (names_compare(text, length, name[names->found]) == 0)
        return names->found;
    int place = names_place(names, name, text, length);
    if (place == names->count ||
        names_compare(text, length, name[names->number[place]]) != 0)
        return -1;
    return names->found = names->number[place];
}

void import_names_add(struct import_names *names, char *const *name)
{
    if (names->count == names->room) {
        names->room = names->room ? 2 * names->room : 64;
        names->number =
            mem_resize(names->number, (size_t)names->room, sizeof *names->number);
    }
    const char *text = name[names->count];
    int place = names_place(names, name, text, strlen(text)), *at = names->number + place;
    memmove(at + 1, at, (size_t)(names->count - place) * sizeof *at);
    *at = names->found = names->count++;
}

void import_names_renumber(struct import_names *names, const int *now)
{
    for (int i = 0; i < names->count; i++)
        names->number[i] = now[names->number[i]];
    names->found = 0;
}
