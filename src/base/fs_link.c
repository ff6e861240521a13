/* fs: symbolic links. */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"

static void link_note(const char *path, const char *why)
{
    static atomic_flag noted = ATOMIC_FLAG_INIT;
    if (!atomic_flag_test_and_set(&noted))
        log_note("'%s' does not become a link to the newest file: %s", path, why);
}

/* A link that somebody else made leads elsewhere. */
static bool link_may_replace(const char *path, const char *target)
{
    char now[FS_PATH];
    struct stat there;
    const char *slash = strrchr(target, '/');
    size_t folder = slash ? (size_t)(slash - target) + 1 : 0;
    if (lstat(path, &there) != 0)
        return true;
    ssize_t length = S_ISLNK(there.st_mode) ? readlink(path, now, sizeof now) : -1;
    return length >= (ssize_t)folder && strncmp(now, target, folder) == 0;
}

enum status fs_link(const char *path, const char *target)
{
    char temp[FS_PATH];
    if (!link_may_replace(path, target)) {
        link_note(path, "there is something else of this name, which is not replaced");
        return ST_OK;
    }
    TRY(fs_temp_name(temp, path));
    unlink(temp); /* of a process of this number that was killed */
    bool made = symlink(target, temp) == 0;
    if (!made && (errno == EPERM || errno == ENOSYS || errno == EOPNOTSUPP)) {
        link_note(path, strerror(errno));
        return ST_OK;
    }
    if (made && rename(temp, path) == 0)
        return ST_OK;
    int error = errno;
    unlink(temp);
    FAIL(ST_FAIL, "cannot make the link '%s': %s", path, strerror(error));
}
