/* arrays: the list of a file's arrays, and what is said of files that are not read. */
#include <stdlib.h>
#include <string.h>

#include "arrays_impl.h"
#include "base/mem.h"
#include "base/shell.h"
#include "io/text.h"

enum status arrays_refuse_pickle(const char *path)
{
    char *word = shell_path(path);
    enum status st = status_fail(
        ST_FAIL,
        "'%s' is a pickle, which can run any program when it is read: convert it where "
        "PyTorch is: python3 scripts/torch_to_safetensors.py %s OUT.safetensors",
        path, word);
    free(word);
    return st;
}

/* Also of U+0080 to U+009F, which some terminals obey: C2 80 to C2 9F. */
static bool entry_is_control(const char *c)
{
    unsigned char first = (unsigned char)c[0], second = (unsigned char)c[1];
    return first < 32 || first == 127 || (first == 0xc2 && second < 0xa0);
}

bool arrays_is_name(const char *name)
{
    size_t length = strlen(name);
    if (length == 0 || length >= ARRAYS_NAME || !text_is_whole_utf8(name))
        return false;
    for (const char *c = name; *c; c++)
        if (entry_is_control(c))
            return false;
    return true;
}

enum status arrays_check_name(const struct arrays *file, const char *name)
{
    if (!arrays_is_name(name))
        FAIL(ST_FAIL,
             "an array of '%s' has a name that is empty, longer than %d bytes, not UTF-8 "
             "or with control characters",
             file->path, ARRAYS_NAME - 1);
    return ST_OK;
}

static enum status entry_measure(const char *path, const char *name, struct array *array,
                                 int dims, const size_t *dim)
{
    if (dims > ARRAYS_DIMS)
        FAIL(ST_FAIL, "array '%s' of '%s' has %d dimensions; at most %d are possible",
             name, path, dims, ARRAYS_DIMS);
    array->dims = dims;
    array->count = 1;
    for (int i = 0; i < dims; i++) {
        array->dim[i] = dim[i];
        if (dim[i] > INT64_MAX ||
            __builtin_mul_overflow(array->count, dim[i], &array->count))
            FAIL(ST_FAIL, "array '%s' of '%s' is impossibly large", name, path);
    }
    return ST_OK;
}

enum status arrays_add(struct arrays *file, const char *name, int dims, const size_t *dim,
                       struct arrays_entry **entry)
{
    struct arrays_entry new = {.array.type = ARRAY_OTHER};
    TRY(arrays_check_name(file, name));
    if (file->count == ARRAYS_MAX)
        FAIL(ST_FAIL, "'%s' holds more than %d arrays", file->path, ARRAYS_MAX);
    TRY(entry_measure(file->path, name, &new.array, dims, dim));
    if (file->count == file->room) {
        file->room = file->room ? 2 * file->room : 64;
        file->entry = mem_resize(file->entry, (size_t)file->room, sizeof *file->entry);
    }
    new.array.name = mem_strdup(name);
    file->entry[file->count] = new;
    *entry = &file->entry[file->count++];
    return ST_OK;
}

static int entry_by_offset(const void *one, const void *two)
{
    const struct arrays_entry *a = one, *b = two;
    if (a->offset != b->offset)
        return a->offset < b->offset ? -1 : 1;
    if (a->array.count != b->array.count) /* empty ones stand before the one they touch */
        return a->array.count < b->array.count ? -1 : 1;
    return strcmp(a->array.name, b->array.name);
}

static int entry_by_name(const void *one, const void *two)
{
    const struct arrays_entry *const *a = one, *const *b = two;
    return strcmp((*a)->array.name, (*b)->array.name);
}

static enum status entry_check_overlap(const struct arrays *file)
{
    const struct arrays_entry *last = NULL;
    for (int i = 0; i < file->count; i++) {
        const struct arrays_entry *entry = &file->entry[i];
        if (entry->bytes == 0)
            continue;
        if (last && entry->offset - last->offset < last->bytes)
            FAIL(ST_FAIL, "arrays '%s' and '%s' of '%s' overlap", last->array.name,
                 entry->array.name, file->path);
        last = entry;
    }
    return ST_OK;
}

enum status arrays_sort(struct arrays *file)
{
    size_t count = (size_t)file->count;
    if (count == 0)
        return ST_OK;
    qsort(file->entry, count, sizeof *file->entry, entry_by_offset);
    TRY(entry_check_overlap(file));
    file->by_name = mem_zeroed(count, sizeof *file->by_name);
    for (size_t i = 0; i < count; i++)
        file->by_name[i] = &file->entry[i];
    qsort(file->by_name, count, sizeof *file->by_name, entry_by_name);
    for (size_t i = 1; i < count; i++)
        if (entry_by_name(&file->by_name[i - 1], &file->by_name[i]) == 0)
            FAIL(ST_FAIL, "'%s' holds two arrays with the name '%s'", file->path,
                 file->by_name[i]->array.name);
    return ST_OK;
}

void arrays_release(struct arrays *file)
{
    for (int i = 0; i < file->count; i++) {
        free((char *)(uintptr_t)file->entry[i].array.name);
        free(file->entry[i].stored);
        free(file->entry[i].path);
    }
    free(file->entry);
    free(file->by_name);
}

size_t arrays_largest(const struct arrays_request *request)
{
    size_t most = 1;
    for (int i = 0; i < request->arrays; i++)
        if (request->array[i].count > most)
            most = request->array[i].count;
    return most;
}
