/* HDF5: every array of a file; "/features/0/weight" has the name "features.0.weight". */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arrays_impl.h"
#include "base/mem.h"
#include "io/h5walk.h"

static enum status h5_arrays_add(void *context, const struct h5walk_array *found)
{
    struct arrays *file = context;
    struct arrays_entry *entry;
    char *name = mem_strdup(found->name + 1);
    for (char *c = name; *c; c++)
        if (*c == '/')
            *c = '.';
    enum status st = arrays_add(file, name, found->ndims, found->dim, &entry);
    free(name);
    TRY(st);
    bool floats =
        found->number && (found->type == H5FILE_F32 || found->type == H5FILE_F64);
    if (floats && found->readable)
        entry->array.type = found->type == H5FILE_F64 ? ARRAY_F64 : ARRAY_F32;
    entry->path = mem_strdup(found->name);
    entry->stored = mem_strdup("integer");
    entry->offset = found->offset;
    return ST_OK;
}

static bool h5_is_of_lockstep(struct h5file *source, struct kind *kind)
{
    snprintf(kind->words, sizeof kind->words, "%s", kind_of_h5(source));
    return kind_is_known(kind) && strcmp(kind->words, "a checkpoint") != 0;
}

static enum status h5_arrays_open(struct arrays *file)
{
    struct kind kind = {.class = KIND_HDF5};
    struct h5file *source;
    TRY(h5file_open(&source, file->path));
    file->source = source;
    if (h5_is_of_lockstep(source, &kind))
        return kind_refuse_as(&kind, file->path, ARRAYS_EXPECTED);
    return h5file_walk(source, h5_arrays_add, file);
}

/* Doubles are converted here: HDF5 rounds the largest ones in a way of its own. */
static enum status h5_arrays_read(struct arrays *file, const struct arrays_entry *entry,
                                  float *values)
{
    struct arrays_fill fill;
    size_t count = entry->array.count;
    if (entry->array.type == ARRAY_F32)
        return h5file_read(file->source, entry->path, H5FILE_F32, count, values);
    double *doubles = mem_zeroed(count, sizeof *doubles);
    enum status st = h5file_read(file->source, entry->path, H5FILE_F64, count, doubles);
    if (st == ST_OK) {
        arrays_fill_begin(&fill, entry, values);
        arrays_fill_add(&fill, (const uint8_t *)doubles, count);
    }
    free(doubles);
    return st;
}

static void h5_arrays_close(struct arrays *file)
{
    h5file_close(file->source);
}

/* h5file_info knows the reason, unless the numbers are integers. */
static enum status h5_arrays_refuse(struct arrays *file, const struct arrays_entry *entry)
{
    struct h5file_info info;
    return h5file_info(file->source, entry->path, &info);
}

const struct arrays_format arrays_format_h5 = {
    .name = "HDF5",
    .kind = KIND_HDF5,
    .open = h5_arrays_open,
    .read = h5_arrays_read,
    .close = h5_arrays_close,
    .refuse = h5_arrays_refuse,
};
