#include "io/h5file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "h5_impl.h"

#define RESERVE_BYTES ((size_t)1 << 20) /* smaller arrays are written at once anyway */

static hid_t memory_type(enum h5file_type type)
{
    switch (type) {
    case H5FILE_U8:
        return H5T_NATIVE_UINT8;
    case H5FILE_U16:
        return H5T_NATIVE_UINT16;
    case H5FILE_I32:
        return H5T_NATIVE_INT32;
    case H5FILE_U64:
        return H5T_NATIVE_UINT64;
    case H5FILE_F32:
        return H5T_NATIVE_FLOAT;
    case H5FILE_F64:
        return H5T_NATIVE_DOUBLE;
    }
    ASSERT(!"a type of array");
    return H5I_INVALID_HID;
}

static hid_t file_type(enum h5file_type type)
{
    switch (type) {
    case H5FILE_U8:
        return H5T_STD_U8LE;
    case H5FILE_U16:
        return H5T_STD_U16LE;
    case H5FILE_I32:
        return H5T_STD_I32LE;
    case H5FILE_U64:
        return H5T_STD_U64LE;
    case H5FILE_F32:
        return H5T_IEEE_F32LE;
    case H5FILE_F64:
        return H5T_IEEE_F64LE;
    }
    ASSERT(!"a type of array");
    return H5I_INVALID_HID;
}

size_t h5file_type_size(enum h5file_type type)
{
    static const size_t size[] = {1, 2, 4, 8, 4, 8};
    return size[type];
}

void h5_forget_array(struct h5file *file)
{
    if (file->array >= 0)
        H5Dclose(file->array);
    free(file->array_name);
    file->array = H5I_INVALID_HID;
    file->array_name = NULL;
}

static enum status open_array(struct h5file *file, const char *name)
{
    if (file->array_name && strcmp(file->array_name, name) == 0)
        return ST_OK;
    h5_forget_array(file);
    if (!h5file_has(file, name))
        FAIL(ST_FAIL, "'%s' holds no '%s'", file->path, name);
    file->array = H5Dopen2(file->id, name, H5P_DEFAULT);
    if (file->array < 0)
        FAIL(ST_FAIL, "'%s' in '%s' is not an array", name, file->path);
    file->array_name = mem_strdup(name);
    return ST_OK;
}

/* The type of ours that holds all values of the stored one; signed 64-bit integers, which
   we never write, come nearest to I32. */
static bool nearest_type(hid_t stored, enum h5file_type *type)
{
    size_t size = H5Tget_size(stored);
    switch (H5Tget_class(stored)) {
    case H5T_INTEGER:
        if (H5Tget_sign(stored) != H5T_SGN_NONE)
            *type = H5FILE_I32;
        else
            *type = size == 1 ? H5FILE_U8 : size == 2 ? H5FILE_U16 : H5FILE_U64;
        return true;
    case H5T_FLOAT:
        *type = size <= 4 ? H5FILE_F32 : H5FILE_F64;
        return true;
    default:
        return false;
    }
}

enum status h5file_info(struct h5file *file, const char *name, struct h5file_info *info)
{
    H5_ALONE;
    TRY(open_array(file, name));
    *info = (struct h5file_info){.count = 1};
    hid_t type = H5Dget_type(file->array);
    bool known = nearest_type(type, &info->type);
    H5Tclose(type);
    if (!known)
        FAIL(ST_FAIL, "'%s' in '%s' is not an array of numbers", name, file->path);
    hid_t space = H5Dget_space(file->array);
    hsize_t dim[H5S_MAX_RANK];
    info->ndims = H5Sget_simple_extent_dims(space, dim, NULL);
    H5Sclose(space);
    if (info->ndims < 0 || info->ndims > H5FILE_DIMS)
        FAIL(ST_FAIL, "'%s' in '%s' has %d dimensions; at most %d can be read", name,
             file->path, info->ndims, H5FILE_DIMS);
    for (int i = 0; i < info->ndims; i++) {
        info->dim[i] = dim[i];
        if (__builtin_mul_overflow(info->count, info->dim[i], &info->count))
            FAIL(ST_FAIL, "'%s' in '%s' is impossibly large", name, file->path);
    }
    return ST_OK;
}

enum status h5file_read(struct h5file *file, const char *name, enum h5file_type type,
                        void *data)
{
    H5_ALONE;
    struct h5file_info info;
    TRY(h5file_info(file, name, &info));
    if (info.count == 0)
        return ST_OK;
    if (H5Dread(file->array, memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        FAIL(ST_FAIL, "cannot read '%s' of '%s': %s", name, file->path, h5_reason());
    return ST_OK;
}

/* Select rows [first, first + rows) of the open array; *memory is a space of as many
   elements. The caller closes both. */
static enum status select_rows(struct h5file *file, const char *name, size_t first,
                               size_t rows, hid_t *space, hid_t *memory)
{
    *space = H5Dget_space(file->array);
    hsize_t dim[H5S_MAX_RANK], start[H5S_MAX_RANK] = {first};
    int ndims = H5Sget_simple_extent_dims(*space, dim, NULL);
    if (ndims < 1 || first > dim[0] || rows > dim[0] - first) {
        H5Sclose(*space);
        FAIL(ST_FAIL, "'%s' in '%s' has no rows %zu to %zu", name, file->path, first,
             first + rows);
    }
    dim[0] = rows;
    H5Sselect_hyperslab(*space, H5S_SELECT_SET, start, NULL, dim, NULL);
    *memory = H5Screate_simple(ndims, dim, NULL);
    return ST_OK;
}

enum status h5file_read_rows(struct h5file *file, const char *name, enum h5file_type type,
                             size_t first, size_t rows, void *data)
{
    H5_ALONE;
    hid_t space, memory;
    TRY(open_array(file, name));
    TRY(select_rows(file, name, first, rows, &space, &memory));
    herr_t bad =
        rows ? H5Dread(file->array, memory_type(type), memory, space, H5P_DEFAULT, data)
             : 0;
    enum status st = ST_OK;
    if (bad < 0)
        st = status_fail(ST_FAIL, "cannot read '%s' of '%s': %s", name, file->path,
                         h5_reason());
    H5Sclose(memory);
    H5Sclose(space);
    return st;
}

/* HDF5's early allocation only moves the end of the file; this takes the blocks. */
static enum status reserve(struct h5file *file, size_t bytes)
{
    if (bytes < RESERVE_BYTES)
        return ST_OK;
    haddr_t offset = H5Dget_offset(file->array);
    void *handle = NULL;
    if (offset == HADDR_UNDEF || H5Fget_vfd_handle(file->id, H5P_DEFAULT, &handle) < 0)
        return ST_OK;
    int fd = *(int *)handle;
    if (fallocate(fd, FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)bytes) == 0)
        return ST_OK;
    if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG)
        FAIL(ST_FAIL, "cannot write '%s': %s (%zu MB wanted)", file->path,
             strerror(errno), bytes >> 20);
    return ST_OK; /* a file system that cannot reserve: writing will tell */
}

/* A new array, contiguous and allocated early, so that a full disk shows at once. */
static enum status make_array(struct h5file *file, const char *name,
                              enum h5file_type type, int ndims, const size_t *dim)
{
    ASSERT(ndims >= 0 && ndims <= H5FILE_DIMS);
    TRY(h5_make_parent(file, name));
    h5_forget_array(file);
    hsize_t extent[H5FILE_DIMS] = {0};
    size_t bytes = h5file_type_size(type);
    for (int i = 0; i < ndims; i++) {
        extent[i] = dim[i];
        bytes *= dim[i];
    }
    hid_t space = ndims ? H5Screate_simple(ndims, extent, NULL) : H5Screate(H5S_SCALAR);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_layout(list, H5D_CONTIGUOUS);
    H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(list, H5D_FILL_TIME_NEVER);
    H5Pset_obj_track_times(list, false);
    file->array = H5Dcreate2(file->id, name, file_type(type), space, H5P_DEFAULT, list,
                             H5P_DEFAULT);
    enum status st = ST_OK;
    if (file->array < 0)
        st = status_fail(ST_FAIL, "cannot write '%s' into '%s': %s", name, file->path,
                         h5_reason());
    else
        file->array_name = mem_strdup(name);
    H5Pclose(list);
    H5Sclose(space);
    TRY(st);
    return reserve(file, bytes);
}

enum status h5file_write(struct h5file *file, const char *name, enum h5file_type type,
                         int ndims, const size_t *dim, const void *data)
{
    H5_ALONE;
    TRY(make_array(file, name, type, ndims, dim));
    for (int i = 0; i < ndims; i++) {
        if (dim[i] == 0)
            return ST_OK;
    }
    if (H5Dwrite(file->array, memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) < 0)
        FAIL(ST_FAIL, "cannot write '%s': %s", file->path, h5_reason());
    return ST_OK;
}
