#include "io/h5file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "h5_impl.h"

#define RESERVE_BYTES ((size_t)1 << 20) /* smaller arrays are not reserved on disk */

void h5_forget_array(struct h5file *file)
{
    if (file->array >= 0)
        H5Dclose(file->array);
    free(file->array_name);
    file->array = H5I_INVALID_HID;
    file->array_name = NULL;
}

/* Reads the extent of the open array into file->info. */
static enum status array_read_extent(struct h5file *file, const char *name)
{
    struct h5file_info *info = &file->info;
    hid_t space = H5Dget_space(file->array);
    hsize_t dim[H5S_MAX_RANK];
    info->ndims = space < 0 ? -1 : H5Sget_simple_extent_dims(space, dim, NULL);
    if (space >= 0)
        H5Sclose(space);
    if (info->ndims < 0 || info->ndims > H5FILE_DIMS)
        FAIL(ST_FAIL, "'%s' in '%s' has %d dimensions; at most %d can be read", name,
             file->path, info->ndims, H5FILE_DIMS);
    info->count = 1;
    for (int i = 0; i < info->ndims; i++) {
        info->dim[i] = dim[i];
        if (__builtin_mul_overflow(info->count, info->dim[i], &info->count))
            FAIL(ST_FAIL, "'%s' in '%s' is impossibly large", name, file->path);
    }
    return ST_OK;
}

/* The file must hold what the header announces: callers allocate memory for it. */
static enum status array_check_storage(struct h5file *file, const char *name, size_t size)
{
    if (file->info.count == 0)
        return ST_OK;
    if (!h5_is_contiguous(file->array))
        FAIL(ST_FAIL,
             "'%s' in '%s' is stored in chunks or compressed; plain arrays can be read: "
             "rewrite the file with 'h5repack -l CONTI -f NONE'",
             name, file->path);
    if (!h5_is_whole(file, file->array, file->info.count, size))
        FAIL(ST_FAIL,
             "'%s' is damaged or cut short: it does not hold the %zu numbers of '%s'",
             file->path, file->info.count, name);
    return ST_OK;
}

static enum status array_check(struct h5file *file, const char *name)
{
    hid_t type = H5Dget_type(file->array);
    bool number = type >= 0 && h5_is_number(type);
    size_t size = number ? H5Tget_size(type) : 0;
    if (number)
        file->info.type = h5_nearest_type(type);
    if (type >= 0)
        H5Tclose(type);
    if (!number)
        FAIL(ST_FAIL, "'%s' in '%s' is not an array of numbers", name, file->path);
    TRY(array_read_extent(file, name));
    return array_check_storage(file, name, size);
}

/* Opens and checks an array, and fills in file->info. */
static enum status array_open(struct h5file *file, const char *name)
{
    if (file->array_name && strcmp(file->array_name, name) == 0)
        return ST_OK;
    h5_forget_array(file);
    if (!h5file_has(file, name))
        FAIL(ST_FAIL, "'%s' holds no '%s'", file->path, name);
    file->array = H5Dopen2(file->id, name, H5P_DEFAULT);
    if (file->array < 0)
        FAIL(ST_FAIL, "'%s' in '%s' is not an array", name, file->path);
    enum status st = array_check(file, name);
    if (st == ST_OK)
        file->array_name = mem_strdup(name);
    else
        h5_forget_array(file);
    return st;
}

enum status h5file_info(struct h5file *file, const char *name, struct h5file_info *info)
{
    H5_ALONE;
    TRY(array_open(file, name));
    *info = file->info;
    return ST_OK;
}

enum status h5file_read(struct h5file *file, const char *name, enum h5file_type type,
                        size_t count, void *data)
{
    H5_ALONE;
    TRY(array_open(file, name));
    if (file->info.count != count)
        FAIL(ST_FAIL, "'%s' in '%s' has %zu elements and not %zu", name, file->path,
             file->info.count, count);
    if (count == 0)
        return ST_OK;
    if (H5Dread(file->array, h5_memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) <
        0)
        FAIL(ST_FAIL, "cannot read '%s' of '%s': %s", name, file->path, h5_reason());
    return ST_OK;
}

/* *space selects rows [first, first + rows) of the open array; *memory describes the same
   number of elements in memory. The caller closes both. */
static void array_select_rows(struct h5file *file, size_t first, size_t rows,
                              hid_t *space, hid_t *memory)
{
    const struct h5file_info *info = &file->info;
    hsize_t dim[H5FILE_DIMS] = {rows}, start[H5FILE_DIMS] = {first};
    for (int i = 1; i < info->ndims; i++)
        dim[i] = info->dim[i];
    *space = H5Dget_space(file->array);
    H5Sselect_hyperslab(*space, H5S_SELECT_SET, start, NULL, dim, NULL);
    *memory = H5Screate_simple(info->ndims, dim, NULL);
}

static enum status array_check_rows(const struct h5file *file, const char *name,
                                    size_t first, size_t rows, size_t row)
{
    const struct h5file_info *info = &file->info;
    size_t stored = 1;
    for (int i = 1; i < info->ndims; i++)
        stored *= info->dim[i];
    if (stored != row)
        FAIL(ST_FAIL, "'%s' in '%s' has rows of %zu elements and not %zu", name,
             file->path, stored, row);
    if (info->ndims < 1 || first > info->dim[0] || rows > info->dim[0] - first)
        FAIL(ST_FAIL, "'%s' in '%s' has no rows %zu to %zu", name, file->path, first,
             first + rows);
    return ST_OK;
}

enum status h5file_read_rows(struct h5file *file, const char *name, enum h5file_type type,
                             size_t first, size_t rows, size_t row, void *data)
{
    H5_ALONE;
    hid_t space, memory;
    TRY(array_open(file, name));
    TRY(array_check_rows(file, name, first, rows, row));
    if (rows == 0 || row == 0)
        return ST_OK;
    array_select_rows(file, first, rows, &space, &memory);
    enum status st = ST_OK;
    if (H5Dread(file->array, h5_memory_type(type), memory, space, H5P_DEFAULT, data) < 0)
        st = status_fail(ST_FAIL, "cannot read '%s' of '%s': %s", name, file->path,
                         h5_reason());
    H5Sclose(memory);
    H5Sclose(space);
    return st;
}

/* Allocates the array's blocks on disk: HDF5's early allocation only moves the end of the
   file. */
static enum status array_reserve(struct h5file *file, size_t bytes)
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
        FAIL(ST_FAIL, "cannot write '%s': %s (%s are needed)", file->path,
             strerror(errno), bytes_text((double)bytes).text);
    return ST_OK; /* the file system cannot reserve: a full disk will fail the write */
}

/* Creates an array, contiguous and allocated early, so that a full disk fails at once. */
static enum status array_create(struct h5file *file, const char *name,
                                enum h5file_type type, int ndims, const size_t *dim)
{
    ASSERT(ndims >= 0 && ndims <= H5FILE_DIMS);
    TRY(h5_make_parent(file, name));
    h5_forget_array(file);
    hsize_t extent[H5FILE_DIMS] = {0};
    file->info = (struct h5file_info){.type = type, .ndims = ndims, .count = 1};
    for (int i = 0; i < ndims; i++) {
        extent[i] = file->info.dim[i] = dim[i];
        file->info.count *= dim[i];
    }
    hid_t space = ndims ? H5Screate_simple(ndims, extent, NULL) : H5Screate(H5S_SCALAR);
    hid_t list = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_layout(list, H5D_CONTIGUOUS);
    H5Pset_alloc_time(list, H5D_ALLOC_TIME_EARLY);
    H5Pset_fill_time(list, H5D_FILL_TIME_NEVER);
    H5Pset_obj_track_times(list, false);
    file->array = H5Dcreate2(file->id, name, h5_file_type(type), space, H5P_DEFAULT, list,
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
    return array_reserve(file, file->info.count * h5file_type_size(type));
}

enum status h5file_create_array(struct h5file *file, const char *name,
                                enum h5file_type type, int ndims, const size_t *dim)
{
    H5_ALONE;
    return array_create(file, name, type, ndims, dim);
}

enum status h5file_write_rows(struct h5file *file, const char *name,
                              enum h5file_type type, size_t first, size_t rows,
                              size_t row, const void *data)
{
    H5_ALONE;
    hid_t space, memory;
    TRY(array_open(file, name));
    TRY(array_check_rows(file, name, first, rows, row));
    if (rows == 0 || row == 0)
        return ST_OK;
    array_select_rows(file, first, rows, &space, &memory);
    enum status st = ST_OK;
    if (H5Dwrite(file->array, h5_memory_type(type), memory, space, H5P_DEFAULT, data) < 0)
        st = status_fail(ST_FAIL, "cannot write '%s': %s", file->path, h5_reason());
    H5Sclose(memory);
    H5Sclose(space);
    return st;
}

enum status h5file_write(struct h5file *file, const char *name, enum h5file_type type,
                         int ndims, const size_t *dim, const void *data)
{
    H5_ALONE;
    TRY(array_create(file, name, type, ndims, dim));
    for (int i = 0; i < ndims; i++) {
        if (dim[i] == 0)
            return ST_OK;
    }
    if (H5Dwrite(file->array, h5_memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, data) <
        0)
        FAIL(ST_FAIL, "cannot write '%s': %s", file->path, h5_reason());
    return ST_OK;
}
