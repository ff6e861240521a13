#include "io/arrays.h"

#include <stdlib.h>
#include <string.h>

#include "arrays_impl.h"
#include "base/fs.h"
#include "base/mem.h"

static const struct arrays_format *const arrays_formats[] = {
    &arrays_format_safetensors,
    &arrays_format_npz,
    &arrays_format_zip,
    &arrays_format_h5,
};

static const struct arrays_format *arrays_format_of(enum kind_class kind)
{
    for (size_t i = 0; i < sizeof arrays_formats / sizeof *arrays_formats; i++)
        if (arrays_formats[i]->kind == kind)
            return arrays_formats[i];
    return NULL;
}

enum status arrays_open(struct arrays **file, const char *path)
{
    struct kind kind;
    *file = NULL;
    TRY(kind_of_file(path, &kind));
    const struct arrays_format *format = arrays_format_of(kind.class);
    if (kind.class == KIND_PICKLE)
        return arrays_refuse_pickle(path);
    if (kind.class != KIND_ARCHIVE && kind.class != KIND_PACKED)
        kind.advice = NULL; /* it is for tables and pictures */
    if (!format)
        return kind_refuse_as(&kind, path, ARRAYS_EXPECTED);
    struct arrays *f = mem_zeroed(1, sizeof *f);
    f->format = format;
    f->path = mem_strdup(path);
    f->bytes = fs_bytes(path);
    enum status st = format->open(f);
    if (st == ST_OK)
        st = arrays_sort(f);
    if (st == ST_OK)
        *file = f;
    else
        arrays_close(f);
    return st;
}

void arrays_close(struct arrays *file)
{
    if (!file)
        return;
    if (file->source)
        file->format->close(file);
    arrays_release(file);
    free(file->path);
    free(file);
}

int arrays_count(const struct arrays *file)
{
    return file->count;
}

const struct array *arrays_at(const struct arrays *file, int i)
{
    ASSERT(i >= 0 && i < file->count);
    return &file->entry[i].array;
}

int arrays_find(const struct arrays *file, const char *name)
{
    int low = 0, high = file->count;
    while (low < high) {
        int middle = low + (high - low) / 2;
        int order = strcmp(name, file->by_name[middle]->array.name);
        if (order == 0)
            return (int)(file->by_name[middle] - file->entry);
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return -1;
}

const char *arrays_format(const struct arrays *file)
{
    return file->format->name;
}

enum status arrays_read(struct arrays *file, int i, float *values)
{
    ASSERT(i >= 0 && i < file->count);
    const struct arrays_entry *entry = &file->entry[i];
    if (entry->array.type == ARRAY_OTHER) {
        if (file->format->refuse)
            TRY(file->format->refuse(file, entry));
        FAIL(ST_FAIL,
             "array '%s' of '%s' has the type %s; floats of 16, 32 and 64 bits can be "
             "read",
             entry->array.name, file->path, entry->stored);
    }
    return entry->array.count ? file->format->read(file, entry, values) : ST_OK;
}
