#include "base/fs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

enum status fs_join(char out[FS_PATH], const char *a, const char *b)
{
    size_t n = strlen(a);
    const char *slash = n == 0 || a[n - 1] == '/' ? "" : "/";
    if (snprintf(out, FS_PATH, "%s%s%s", a, slash, b) >= FS_PATH)
        FAIL(ST_FAIL, "path too long: '%s/%s'", a, b);
    return ST_OK;
}

bool fs_is_file(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode);
}

bool fs_is_folder(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode);
}

bool fs_same_file(int fd, const char *path)
{
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 &&
           opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

bool fs_is_below(const char *path, const char *folder)
{
    char above[FS_PATH], real[PATH_MAX], real_folder[PATH_MAX];
    if (!realpath(folder, real_folder) ||
        snprintf(above, sizeof above, "%s", path) >= FS_PATH)
        return false;
    while (!realpath(above, real)) { /* what exists of it */
        char *slash = strrchr(above, '/');
        if (slash && slash != above)
            *slash = '\0';
        else
            snprintf(above, sizeof above, slash ? "/" : ".");
    }
    size_t length = strlen(real_folder);
    return strncmp(real, real_folder, length) == 0 &&
           (real[length] == '/' || !real[length] || length == 1);
}

/* What there is of a path: the file, and *name is "", or its folder. */
static bool fs_find_place(const char *path, struct stat *place, const char **name)
{
    char folder[FS_PATH];
    const char *slash = strrchr(path, '/');
    *name = "";
    if (stat(path, place) == 0)
        return true;
    *name = slash ? slash + 1 : path;
    snprintf(folder, sizeof folder, "%s", slash ? path : ".");
    if (slash && slash + 1 - path < FS_PATH)
        folder[slash + 1 - path] = '\0';
    return stat(folder, place) == 0;
}

bool fs_is_same_path(const char *a, const char *b)
{
    struct stat x, y;
    const char *name, *other;
    return fs_find_place(a, &x, &name) && fs_find_place(b, &y, &other) &&
           x.st_ino == y.st_ino && x.st_dev == y.st_dev && strcmp(name, other) == 0;
}

/* Some file systems cannot do what others do (FUSE, NFS, drives of a virtual machine):
   the work goes on without it, which is said once. */
static void fs_note_lack(const char *path, const char *lack)
{
    static atomic_flag noted = ATOMIC_FLAG_INIT;
    int error = errno;
    if (!atomic_flag_test_and_set(&noted))
        log_note("the file system of '%s' %s (%s): if the machine or the program fails "
                 "just then, the newest file may be lost",
                 path, lack, strerror(error));
    errno = error;
}

/* Failures that tell of the file system, not of this file. */
static bool fs_lacks(int error)
{
    return error == EINVAL || error == ENOSYS || error == EOPNOTSUPP;
}

/* Syncs the folder of `path`, so that the name survives a power failure. The file is
   complete, so it is no failure of the caller's if that cannot be done. */
static enum status fs_sync_parent(const char *path)
{
    char folder[FS_PATH];
    snprintf(folder, sizeof folder, "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = '\0';
    else
        snprintf(folder, sizeof folder, ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        FAIL(ST_FAIL, "cannot sync folder '%s': %s", folder, strerror(errno));
    if (fd >= 0 && fsync(fd) != 0)
        fs_note_lack(folder, "cannot sync a folder");
    if (fd >= 0) /* some users may write a folder, but not open it */
        close(fd);
    return ST_OK;
}

size_t fs_bytes(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && S_ISREG(s.st_mode) ? (size_t)s.st_size : 0;
}

enum status fs_make_folder(const char *path)
{
    char part[FS_PATH];
    if (fs_is_folder(path))
        return ST_OK;
    if (!*path)
        FAIL(ST_FAIL, "cannot make folder '': it has no name");
    if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part)
        FAIL(ST_FAIL, "path too long: '%s'", path);
    for (char *p = part + 1;; p++) {
        if (*p != '/' && *p)
            continue;
        char kept = *p;
        *p = '\0';
        bool made = mkdir(part, 0777) == 0;
        int error = errno; /* not always EEXIST, if it exists */
        if (!made && error != EEXIST && !fs_is_folder(part))
            FAIL(ST_FAIL, "cannot make folder '%s': %s", part, strerror(error));
        if (made)
            TRY(fs_sync_parent(part));
        if (!kept)
            break;
        *p = kept;
    }
    if (!fs_is_folder(path))
        FAIL(ST_FAIL, "'%s' is not a folder", path);
    return ST_OK;
}

static int fs_by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

enum status fs_list(const char *folder, char ***names, int *count)
{
    DIR *dir = opendir(folder);
    if (!dir)
        FAIL(ST_FAIL, "cannot read folder '%s': %s", folder, strerror(errno));
    char **list = NULL;
    int n = 0;
    for (;;) {
        errno = 0; /* readdir returns NULL at the end and when it fails */
        struct dirent *e = readdir(dir);
        if (!e)
            break;
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
            continue;
        list = mem_resize(list, (size_t)n + 1, sizeof *list);
        list[n++] = mem_strdup(e->d_name);
    }
    int error = errno;
    closedir(dir);
    if (error) {
        fs_free_list(list, n);
        FAIL(ST_FAIL, "cannot read folder '%s': %s", folder, strerror(error));
    }
    if (n > 0)
        qsort(list, (size_t)n, sizeof *list, fs_by_name);
    *names = list;
    *count = n;
    return ST_OK;
}

void fs_free_list(char **names, int count)
{
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

enum status fs_read_text(const char *path, char **text, size_t *bytes)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        FAIL(ST_FAIL, "cannot open '%s': %s", path, strerror(errno));
    char *data = NULL;
    size_t used = 0, room = 0;
    do {
        room = room ? 2 * room : 4096;
        data = mem_resize(data, room + 1, 1);
        used += fread(data + used, 1, room - used, file);
    } while (used == room);
    int error = ferror(file) ? errno : 0;
    fclose(file);
    if (error) {
        free(data);
        FAIL(ST_FAIL, "cannot read '%s': %s", path, strerror(error));
    }
    data[used] = '\0';
    *text = data;
    *bytes = used;
    return ST_OK;
}

enum status fs_temp_name(char out[FS_PATH], const char *path)
{
    char host[64] = "";
    if (!*path)
        FAIL(ST_USAGE, "cannot write a file whose name is ''");
    gethostname(host, sizeof host - 1);
    if (snprintf(out, FS_PATH, "%s.tmp.%s.%d", path, host, (int)getpid()) >= FS_PATH)
        FAIL(ST_FAIL, "path too long: '%s'", path);
    return ST_OK;
}

enum status fs_check_write(const char *path)
{
    char temp[FS_PATH];
    TRY(fs_temp_name(temp, path));
    int fd = open(temp, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0)
        FAIL(ST_FAIL, "cannot write '%s': %s", path, strerror(errno));
    close(fd);
    unlink(temp);
    return ST_OK;
}

/* Only "name.tmp.host.pid": users' files may have ".tmp." in their names, too. */
static bool fs_is_temp_name(const char *name)
{
    const char *mark = strstr(name, ".tmp."), *pid = strrchr(name, '.');
    return mark && pid > mark + 4 && pid[1] && !pid[1 + strspn(pid + 1, "0123456789")];
}

enum status fs_remove_temps(const char *folder)
{
    char **names, path[FS_PATH];
    int count;
    enum status st = ST_OK;
    TRY(fs_list(folder, &names, &count));
    for (int i = 0; i < count && st == ST_OK; i++) {
        if (!fs_is_temp_name(names[i]))
            continue;
        st = fs_join(path, folder, names[i]);
        if (st == ST_OK && unlink(path) != 0 && errno != ENOENT)
            st = status_fail(ST_FAIL, "cannot remove '%s': %s", path, strerror(errno));
    }
    fs_free_list(names, count);
    return st;
}

static int fs_sync(int fd, const char *path)
{
    int result = fsync(fd);
    if (result == 0 || !fs_lacks(errno))
        return result;
    fs_note_lack(path, "cannot sync a file");
    return 0;
}

/* rename, also where it cannot replace a file (then the one before is out of the way for
   an instant, under the name TO.old), and where NFS says that it failed because it
   repeated a request that had been done. `fd` is the file `from`. */
static int fs_rename(int fd, const char *from, const char *to)
{
    char old[FS_PATH];
    if (rename(from, to) == 0)
        return 0;
    int error = errno; /* of rename, not of what comes next */
    if (fs_same_file(fd, to))
        return 0;
    bool replaces = error != EEXIST && error != EPERM && error != EACCES;
    if (replaces || !fs_is_file(to) || snprintf(old, FS_PATH, "%s.old", to) >= FS_PATH ||
        rename(to, old) != 0) {
        errno = error;
        return -1;
    }
    if (rename(from, to) != 0) {
        error = errno;
        if (rename(old, to) != 0)
            log_note("'%s' is now '%s'", to, old);
        errno = error;
        return -1;
    }
    errno = error;
    fs_note_lack(to, "cannot replace a file at once");
    unlink(old);
    return 0;
}

enum status fs_commit(const char *temp, const char *path)
{
    int fd = open(temp, O_RDONLY | O_CLOEXEC);
    bool done = fd >= 0 && fs_sync(fd, path) == 0 && fs_rename(fd, temp, path) == 0;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (!done) {
        unlink(temp);
        FAIL(ST_FAIL, "cannot write '%s': %s", path, strerror(error));
    }
    return fs_sync_parent(path);
}

/* --- files that are written piece by piece --- */

/* Any call on a FILE may be the one that fails, and only that call sets errno: the reason
   is kept here. */
static ssize_t fs_writer_put(void *cookie, const char *bytes, size_t count)
{
    struct fs_writer *writer = cookie;
    size_t done = 0;
    while (done < count && !writer->error) {
        ssize_t put = write(writer->fd, bytes + done, count - done);
        if (put > 0)
            done += (size_t)put;
        else if (put < 0 && errno != EINTR)
            writer->error = errno;
    }
    return (ssize_t)(done == count ? count : 0);
}

enum status fs_write_begin(struct fs_writer *writer, const char *path)
{
    const cookie_io_functions_t calls = {.write = fs_writer_put};
    *writer = (struct fs_writer){.fd = -1};
    TRY(fs_temp_name(writer->temp, path));
    snprintf(writer->path, sizeof writer->path, "%s", path);
    writer->fd = open(writer->temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (writer->fd < 0)
        FAIL(ST_FAIL, "cannot write '%s': %s", path, strerror(errno));
    writer->file = fopencookie(writer, "w", calls);
    ASSERT(writer->file);
    return ST_OK;
}

void fs_write_drop(struct fs_writer *writer)
{
    fclose(writer->file);
    close(writer->fd);
    unlink(writer->temp);
}

enum status fs_write_end(struct fs_writer *writer)
{
    fflush(writer->file);
    if (writer->error) {
        fs_write_drop(writer);
        FAIL(ST_FAIL, "cannot write '%s': %s", writer->path, strerror(writer->error));
    }
    fclose(writer->file);
    close(writer->fd);
    return fs_commit(writer->temp, writer->path);
}
