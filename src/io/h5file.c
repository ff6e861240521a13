#include "io/h5file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "h5_impl.h"
#include "io/h5walk.h"
#include "io/kind.h"

hid_t h5_access_list(void)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
    H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_LATEST);
    H5Pset_sieve_buf_size(list, 0); /* reads 64 KB for each image otherwise */
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
    H5Pset_file_locking(list, false, true);
#endif
    return list;
}

/* Groups record the order of their members, but no times: the same content gives the same
   bytes. */
static void file_set_plain_group(hid_t list)
{
    H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    H5Pset_obj_track_times(list, false);
}

struct h5file *h5_new(const char *path)
{
    struct h5file *file = mem_zeroed(1, sizeof *file);
    file->id = H5I_INVALID_HID;
    file->array = H5I_INVALID_HID;
    snprintf(file->path, sizeof file->path, "%s", path);
    return file;
}

static enum status file_pass_array(void *context, const struct h5walk_array *array)
{
    (void)context;
    (void)array;
    return ST_OK;
}

enum status h5file_open(struct h5file **file, const char *path)
{
    H5_ALONE;
    struct stat s;
    *file = NULL;
    if (fs_is_folder(path))
        FAIL(ST_FAIL, "cannot open '%s': it is a folder, not an HDF5 file", path);
    if (access(path, R_OK) != 0 || stat(path, &s) != 0)
        FAIL(ST_FAIL, "cannot open '%s': %s", path, strerror(errno));
    hid_t list = h5_access_list();
    if (H5Fis_hdf5(path) <= 0) {
        struct kind kind;
        H5Pclose(list);
        TRY(kind_of_file(path, &kind));
        return kind_refuse_as(&kind, path, "an HDF5 file");
    }
    enum status st = h5_probe(path);
    if (st != ST_OK) {
        H5Pclose(list);
        return st;
    }
    H5Pset_driver(list, h5_read_driver(), NULL);
    struct h5file *f = h5_new(path);
    f->bytes = (size_t)s.st_size;
    f->id = H5Fopen(path, H5F_ACC_RDONLY, list);
    H5Pclose(list);
    if (f->id < 0) {
        free(f);
        FAIL(ST_FAIL, "cannot open '%s': the HDF5 file is damaged or cut short", path);
    }
    if (h5_is_probe())
        (void)!h5file_walk(f, file_pass_array, NULL); /* whether HDF5 survives it */
    *file = f;
    return ST_OK;
}

enum status h5file_create(struct h5file **file, const char *path)
{
    H5_ALONE;
    *file = NULL;
    if (fs_is_folder(path))
        FAIL(ST_FAIL, "cannot write '%s': it is a folder", path);
    struct h5file *f = h5_new(path);
    enum status st = ST_OK;
    hid_t access = h5_access_list();
    hid_t creation = H5Pcreate(H5P_FILE_CREATE);
    file_set_plain_group(creation); /* of the root group */
    f->bytes = SIZE_MAX;            /* no limit: this process writes what it reads back */
    TRY_TO(done, fs_temp_name(f->temp, path));
    f->id = H5Fcreate(f->temp, H5F_ACC_TRUNC, creation, access);
    if (f->id < 0) {
        st = status_fail(ST_FAIL, "cannot write '%s': %s", path, h5_reason());
        unlink(f->temp); /* a full disk leaves an empty file */
    }
done:
    H5Pclose(creation);
    H5Pclose(access);
    if (st == ST_OK)
        *file = f;
    else
        free(f);
    return st;
}

static enum status file_finish(struct h5file *file)
{
    H5_ALONE;
    h5_forget_array(file);
    if (H5Fflush(file->id, H5F_SCOPE_GLOBAL) < 0)
        FAIL(ST_FAIL, "cannot write '%s': %s", file->path, h5_reason());
    hid_t id = file->id;
    file->id = H5I_INVALID_HID; /* HDF5 frees the file even if closing it fails */
    if (H5Fclose(id) < 0)
        FAIL(ST_FAIL, "cannot write '%s': %s", file->path, h5_reason());
    return ST_OK;
}

/* fs_commit waits for the disk without holding the lock. */
enum status h5file_commit(struct h5file *file)
{
    ASSERT(file->temp[0] && file->id >= 0);
    TRY(file_finish(file));
    char temp[FS_PATH];
    memcpy(temp, file->temp, sizeof temp);
    file->temp[0] = '\0'; /* fs_commit removes it when it fails */
    return fs_commit(temp, file->path);
}

enum status h5file_commit_as(struct h5file *file, const char *path)
{
    snprintf(file->path, sizeof file->path, "%s", path);
    return h5file_commit(file);
}

/* Directs HDF5's last writes of a discarded file into memory. The file may be one that
   could not be written: closing it, HDF5 would write again, fail, and keep half-freed
   objects that crash it later. */
static void file_divert(struct h5file *file)
{
    void *handle;
    if (H5Fget_vfd_handle(file->id, H5P_DEFAULT, &handle) < 0)
        return;
    int memory = memfd_create("lockstep", MFD_CLOEXEC);
    if (memory < 0)
        memory = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (memory < 0)
        return;
    dup2(memory, *(int *)handle);
    close(memory);
}

void h5file_close(struct h5file *file)
{
    H5_ALONE;
    if (!file)
        return;
    if (file->id >= 0 && file->temp[0])
        file_divert(file);
    h5_forget_array(file);
    if (file->id >= 0)
        H5Fclose(file->id);
    if (file->temp[0])
        unlink(file->temp);
    free(file);
}

const char *h5file_path(const struct h5file *file)
{
    return file->path;
}

bool h5file_has(struct h5file *file, const char *name)
{
    H5_ALONE;
    if (strcmp(name, "/") == 0)
        return true;
    return H5Oexists_by_name(file->id, name, H5P_DEFAULT) > 0;
}

static enum status file_make_one_group(struct h5file *file, const char *name)
{
    if (h5file_has(file, name))
        return ST_OK;
    hid_t list = H5Pcreate(H5P_GROUP_CREATE);
    file_set_plain_group(list);
    hid_t group = H5Gcreate2(file->id, name, H5P_DEFAULT, list, H5P_DEFAULT);
    enum status st = ST_OK;
    if (group < 0)
        st = status_fail(ST_FAIL, "cannot write group '%s' of '%s': %s", name, file->path,
                         h5_reason());
    else
        H5Gclose(group);
    H5Pclose(list);
    return st;
}

enum status h5_make_parent(struct h5file *file, const char *name)
{
    char part[FS_PATH];
    ASSERT(name[0] == '/' && strlen(name) < sizeof part);
    for (const char *p = strchr(name + 1, '/'); p; p = strchr(p + 1, '/')) {
        snprintf(part, sizeof part, "%.*s", (int)(p - name), name);
        TRY(file_make_one_group(file, part));
    }
    return ST_OK;
}

enum status h5_make_group(struct h5file *file, const char *name)
{
    TRY(h5_make_parent(file, name));
    return file_make_one_group(file, name);
}

enum status h5file_count(struct h5file *file, const char *group, size_t *count)
{
    H5_ALONE;
    H5G_info_t info;
    if (!h5file_has(file, group) ||
        H5Gget_info_by_name(file->id, group, &info, H5P_DEFAULT) < 0)
        FAIL(ST_FAIL, "'%s' holds no group '%s'", file->path, group);
    *count = info.nlinks;
    return ST_OK;
}
