/* h5file: a copy of a file that replaces it. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "h5_impl.h"

enum status h5file_edit(struct h5file **file, const char *path)
{
    H5_ALONE;
    *file = NULL;
    struct h5file *f = h5_new(path);
    f->bytes = SIZE_MAX; /* no limit: it grows */
    enum status st = fs_temp_name(f->temp, path);
    if (st == ST_OK)
        st = fs_copy(path, f->temp);
    if (st == ST_OK) {
        hid_t access = h5_access_list();
        f->id = H5Fopen(f->temp, H5F_ACC_RDWR, access);
        H5Pclose(access);
        if (f->id < 0) {
            st = status_fail(ST_FAIL, "cannot change '%s': %s", path, h5_reason());
            unlink(f->temp);
        }
    }
    if (st == ST_OK)
        *file = f;
    else
        free(f);
    return st;
}

enum status h5file_remove(struct h5file *file, const char *name)
{
    H5_ALONE;
    if (!h5file_has(file, name))
        return ST_OK;
    h5_forget_array(file);
    if (H5Ldelete(file->id, name, H5P_DEFAULT) < 0)
        FAIL(ST_FAIL, "cannot remove '%s' from '%s': %s", name, file->path, h5_reason());
    return ST_OK;
}

enum status h5file_remove_attr(struct h5file *file, const char *object, const char *name)
{
    H5_ALONE;
    if (!h5file_has_attr(file, object, name))
        return ST_OK;
    if (H5Adelete_by_name(file->id, object, name, H5P_DEFAULT) < 0)
        FAIL(ST_FAIL, "cannot remove attribute '%s' of '%s' from '%s': %s", name, object,
             file->path, h5_reason());
    return ST_OK;
}
