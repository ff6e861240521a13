#include "io/h5file.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "h5_impl.h"

static pthread_mutex_t library = PTHREAD_RECURSIVE_MUTEX_INITIALIZER_NP;

/* Once, for later other threads may be reading the environment; but HDF5 prints its
   errors for each thread anew where it was built to know threads. */
static void begin(void)
{
    static bool begun;
    static _Thread_local bool silent;
    if (!begun) {
        H5dont_atexit(); /* nothing is left to it; before all other calls */
        setenv("HDF5_USE_FILE_LOCKING", "FALSE", 1); /* read when the library starts */
        H5Lunregister(H5L_TYPE_EXTERNAL); /* a file must not lead to others... */
        H5PLset_loading_state(0);         /* ...nor to code */
        begun = true;
    }
    if (!silent)
        H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    silent = true;
}

int h5_lock(void)
{
    int error = pthread_mutex_lock(&library);
    begin();
    return error;
}

void h5_unlock(int *alone)
{
    (void)alone;
    pthread_mutex_unlock(&library);
}

static herr_t find_reason(unsigned n, const H5E_error2_t *error, void *context)
{
    char *reason = context;
    const char *number = error->desc ? strstr(error->desc, "errno = ") : NULL;
    if (number)
        snprintf(reason, 256, "%s", strerror(atoi(number + strlen("errno = "))));
    else if (n == 0 && error->desc)
        snprintf(reason, 256, "%s", error->desc);
    return number != NULL; /* positive: stop here */
}

const char *h5_reason(void)
{
    static char reason[256];
    snprintf(reason, sizeof reason, "unknown reason");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, find_reason, reason);
    reason[strcspn(reason, "\n")] = '\0';
    return reason;
}

/* File access: no locks, and groups and attributes in the formats of HDF5 1.8, which put
   no limit on the length of an attribute. */
static hid_t access_list(void)
{
    hid_t list = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
    H5Pset_libver_bounds(list, H5F_LIBVER_V18, H5F_LIBVER_LATEST);
    H5Pset_sieve_buf_size(list, 0); /* it would read 64 KB for each image fetched */
#if H5_VERSION_GE(1, 12, 1) || (H5_VERSION_GE(1, 10, 7) && !H5_VERSION_GE(1, 12, 0))
    H5Pset_file_locking(list, false, true);
#endif
    return list;
}

/* Groups remember the order of their members, and no times: the same content gives the
   same bytes. */
static void plain_group(hid_t list)
{
    H5Pset_link_creation_order(list, H5P_CRT_ORDER_TRACKED | H5P_CRT_ORDER_INDEXED);
    H5Pset_obj_track_times(list, false);
}

static struct h5file *file_new(const char *path)
{
    struct h5file *file = mem_zeroed(1, sizeof *file);
    file->id = H5I_INVALID_HID;
    file->array = H5I_INVALID_HID;
    snprintf(file->path, sizeof file->path, "%s", path);
    return file;
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
    hid_t list = access_list();
    if (H5Fis_hdf5(path) <= 0) {
        H5Pclose(list);
        FAIL(ST_FAIL, "'%s' is not an HDF5 file", path);
    }
    enum status st = h5_probe(path);
    if (st != ST_OK) {
        H5Pclose(list);
        return st;
    }
    H5Pset_driver(list, h5_read_driver(), NULL);
    struct h5file *f = file_new(path);
    f->bytes = (size_t)s.st_size;
    f->id = H5Fopen(path, H5F_ACC_RDONLY, list);
    H5Pclose(list);
    if (f->id < 0) {
        free(f);
        FAIL(ST_FAIL, "cannot open '%s': the HDF5 file is damaged or cut short", path);
    }
    *file = f;
    return ST_OK;
}

enum status h5file_create(struct h5file **file, const char *path)
{
    H5_ALONE;
    *file = NULL;
    if (fs_is_folder(path))
        FAIL(ST_FAIL, "cannot write '%s': it is a folder", path);
    struct h5file *f = file_new(path);
    enum status st = ST_OK;
    hid_t access = access_list();
    hid_t creation = H5Pcreate(H5P_FILE_CREATE);
    plain_group(creation); /* of the root group */
    f->bytes = SIZE_MAX;   /* what is read back is our own */
    TRY_TO(done, fs_temp_name(f->temp, path));
    f->id = H5Fcreate(f->temp, H5F_ACC_TRUNC, creation, access);
    if (f->id < 0) {
        st = status_fail(ST_FAIL, "cannot write '%s': %s", path, h5_reason());
        unlink(f->temp); /* on a full disk it is there, and empty */
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

static enum status finish(struct h5file *file)
{
    H5_ALONE;
    h5_forget_array(file);
    if (H5Fflush(file->id, H5F_SCOPE_GLOBAL) < 0)
        FAIL(ST_FAIL, "cannot write '%s': %s", file->path, h5_reason());
    hid_t id = file->id;
    file->id = H5I_INVALID_HID; /* HDF5 has freed the file also where closing it fails */
    if (H5Fclose(id) < 0)
        FAIL(ST_FAIL, "cannot write '%s': %s", file->path, h5_reason());
    return ST_OK;
}

/* The wait for the disk is nobody else's. */
enum status h5file_commit(struct h5file *file)
{
    ASSERT(file->temp[0] && file->id >= 0);
    TRY(finish(file));
    char temp[FS_PATH];
    memcpy(temp, file->temp, sizeof temp);
    file->temp[0] = '\0'; /* fs_commit removes it when it fails */
    return fs_commit(temp, file->path);
}

/* A file that is thrown away may be one that could not be written. Closing it, HDF5 would
   try again, fail, and keep objects half freed that crash it later: what it still wants
   to write goes into memory. */
static void divert(struct h5file *file)
{
    void *handle;
    if (H5Fget_vfd_handle(file->id, H5P_DEFAULT, &handle) < 0)
        return;
    int nowhere = memfd_create("lockstep", MFD_CLOEXEC);
    if (nowhere < 0)
        return;
    dup2(nowhere, *(int *)handle);
    close(nowhere);
}

void h5file_close(struct h5file *file)
{
    H5_ALONE;
    if (!file)
        return;
    if (file->id >= 0 && file->temp[0])
        divert(file);
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

static enum status make_one_group(struct h5file *file, const char *name)
{
    if (h5file_has(file, name))
        return ST_OK;
    hid_t list = H5Pcreate(H5P_GROUP_CREATE);
    plain_group(list);
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
        TRY(make_one_group(file, part));
    }
    return ST_OK;
}

enum status h5_make_group(struct h5file *file, const char *name)
{
    TRY(h5_make_parent(file, name));
    return make_one_group(file, name);
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
