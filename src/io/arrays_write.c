/* arrays: writes safetensors files, and files of the other formats by their writers. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "arrays_impl.h"
#include "base/fs.h"
#include "base/mem.h"

#define WRITE_METADATA "__metadata__"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "floats are written as they are in memory");

static enum status write_notes(const char *path, const struct arrays_request *request,
                               json_t *header)
{
    if (request->notes == 0)
        return ST_OK;
    json_t *notes = json_object();
    json_object_set_new(header, WRITE_METADATA, notes);
    for (int i = 0; i < request->notes; i++) {
        const struct array_note *note = &request->note[i];
        if (json_object_get(notes, note->key) ||
            json_object_set_new(notes, note->key, json_string(note->text)) != 0)
            FAIL(ST_FAIL, "cannot write '%s': its note '%s' is there twice or not UTF-8",
                 path, note->key);
    }
    return ST_OK;
}

/* An array's entry; the data begin at *end, which moves on. */
static json_t *write_entry(const struct array *array, size_t *end)
{
    json_t *shape = json_array(), *offsets = json_array(), *entry = json_object();
    for (int i = 0; i < array->dims; i++)
        json_array_append_new(shape, json_integer((json_int_t)array->dim[i]));
    json_array_append_new(offsets, json_integer((json_int_t)*end));
    *end += array->count * sizeof(float);
    json_array_append_new(offsets, json_integer((json_int_t)*end));
    json_object_set_new(entry, "dtype", json_string("F32"));
    json_object_set_new(entry, "shape", shape);
    json_object_set_new(entry, "data_offsets", offsets);
    return entry;
}

static enum status write_entries(const char *path, const struct arrays_request *request,
                                 json_t *header)
{
    size_t end = 0;
    for (int i = 0; i < request->arrays; i++) {
        const struct array *array = &request->array[i];
        ASSERT(array->dims >= 0 && array->dims <= ARRAYS_DIMS);
        if (!arrays_is_name(array->name) || strcmp(array->name, WRITE_METADATA) == 0)
            FAIL(ST_FAIL, "cannot write '%s': array %d has a name that cannot be read",
                 path, i);
        if (json_object_get(header, array->name))
            FAIL(ST_FAIL, "cannot write '%s': two arrays have the name '%s'", path,
                 array->name);
        json_object_set_new(header, array->name, write_entry(array, &end));
    }
    return ST_OK;
}

/* The header's text, padded with blanks; the caller frees. */
static enum status write_header(const char *path, const struct arrays_request *request,
                                char **text, size_t *bytes)
{
    enum status st;
    json_t *header = json_object();
    char *json = NULL;
    TRY_TO(done, write_notes(path, request, header));
    TRY_TO(done, write_entries(path, request, header));
    json = json_dumps(header, JSON_COMPACT);
    ASSERT(json);
    *bytes = (strlen(json) + 7) / 8 * 8;
    if (*bytes > ARRAYS_HEADER) {
        st =
            status_fail(ST_FAIL, "cannot write '%s': its header would be too long", path);
        goto done;
    }
    *text = mem_format("%-*s", (int)*bytes, json);
done:
    free(json);
    json_decref(header);
    return st;
}

static void write_values(FILE *out, const struct arrays_request *request)
{
    float *values = mem_zeroed(arrays_largest(request), sizeof *values);
    for (int i = 0; i < request->arrays; i++) {
        request->give(request->context, i, values);
        fwrite(values, sizeof *values, request->array[i].count, out);
    }
    free(values);
}

static enum status write_safetensors(const char *path,
                                     const struct arrays_request *request)
{
    struct fs_writer writer;
    uint8_t prefix[8];
    char *text = NULL;
    size_t bytes = 0;
    TRY(write_header(path, request, &text, &bytes));
    for (int i = 0; i < 8; i++)
        prefix[i] = (uint8_t)(bytes >> 8 * i);
    enum status st = fs_write_begin(&writer, path);
    if (st == ST_OK) {
        fwrite(prefix, 1, sizeof prefix, writer.file);
        fwrite(text, 1, bytes, writer.file);
        write_values(writer.file, request);
        st = fs_write_end(&writer); /* knows whether all of them were written */
    }
    free(text);
    return st;
}

enum status arrays_write(const char *path, const struct arrays_request *request)
{
    return request->as == ARRAYS_HDF5 ? arrays_write_h5(path, request)
                                      : write_safetensors(path, request);
}
