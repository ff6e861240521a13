/* arrays: writes HDF5 files. */
#include <stdlib.h>
#include <string.h>

#include "arrays_impl.h"
#include "base/mem.h"
#include "io/h5file.h"
#include "io/text.h"

static enum status write_h5_array(struct h5file *file, const struct array *array,
                                  const float *values)
{
    if (!arrays_is_name(array->name) || strchr(array->name, '/') ||
        strcmp(array->name, ".") == 0)
        FAIL(ST_FAIL, "cannot write '%s': '%s' cannot be the name of an array in it",
             h5file_path(file), array->name);
    if (array->dims > H5FILE_DIMS)
        FAIL(ST_FAIL, "cannot write '%s': '%s' has more than %d dimensions",
             h5file_path(file), array->name, H5FILE_DIMS);
    char *name = mem_format("/%s", array->name);
    enum status st =
        h5file_write(file, name, H5FILE_F32, array->dims, array->dim, values);
    free(name);
    return st;
}

static enum status write_h5_arrays(struct h5file *file,
                                   const struct arrays_request *request, float *values)
{
    for (int i = 0; i < request->arrays; i++) {
        request->give(request->context, i, values);
        TRY(write_h5_array(file, &request->array[i], values));
    }
    return ST_OK;
}

static enum status write_h5_notes(struct h5file *file,
                                  const struct arrays_request *request)
{
    for (int i = 0; i < request->notes; i++) {
        const struct array_note *note = &request->note[i];
        if (!text_is_whole_utf8(note->text))
            FAIL(ST_FAIL, "cannot write '%s': its note '%s' is not UTF-8",
                 h5file_path(file), note->key);
        TRY(h5file_put_text(file, "/", note->key, note->text));
    }
    return ST_OK;
}

enum status arrays_write_h5(const char *path, const struct arrays_request *request)
{
    struct h5file *file;
    TRY(h5file_create(&file, path));
    float *values = mem_zeroed(arrays_largest(request), sizeof *values);
    enum status st = write_h5_notes(file, request);
    if (st == ST_OK)
        st = write_h5_arrays(file, request, values);
    if (st == ST_OK)
        st = h5file_commit(file);
    h5file_close(file);
    free(values);
    return st;
}
