/* fs: a copy of a file. */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

/* The files, and the path that a failure is about. */
struct fs_copy {
    int in, out;
    const char *from, *to, *failed;
};

/* These return 0, or -1 with errno and copy->failed. */

static int fs_copy_open(struct fs_copy *copy)
{
    struct stat s;
    copy->failed = copy->from;
    copy->in = open(copy->from, O_RDONLY | O_CLOEXEC);
    if (copy->in < 0 || fstat(copy->in, &s) != 0)
        return -1;
    copy->failed = copy->to;
    copy->out =
        open(copy->to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, s.st_mode & 0777);
    return copy->out < 0 ? -1 : fchmod(copy->out, s.st_mode & 0777);
}

static int fs_copy_bytes(struct fs_copy *copy)
{
    char block[1 << 16];
    ssize_t got;
    while ((got = read(copy->in, block, sizeof block)) != 0) {
        copy->failed = copy->from;
        if (got < 0 && errno != EINTR)
            return -1;
        copy->failed = copy->to;
        for (ssize_t done = 0, put; done < got; done += put) {
            put = write(copy->out, block + done, (size_t)(got - done));
            if (put < 0 && errno != EINTR)
                return -1;
            put = put < 0 ? 0 : put;
        }
    }
    return 0;
}

/* Remote file systems and quotas may refuse what was written only now. */
static int fs_copy_close(struct fs_copy *copy)
{
    int out = copy->out;
    copy->out = -1;
    copy->failed = copy->to;
    return close(out);
}

enum status fs_copy(const char *from, const char *to)
{
    struct fs_copy copy = {.in = -1, .out = -1, .from = from, .to = to};
    bool opened = fs_copy_open(&copy) == 0;
    bool done = opened && fs_copy_bytes(&copy) == 0 && fs_copy_close(&copy) == 0;
    int error = errno;
    bool made = opened || copy.out >= 0;
    if (copy.in >= 0)
        close(copy.in);
    if (copy.out >= 0)
        close(copy.out);
    if (done)
        return ST_OK;
    if (made)
        unlink(to);
    FAIL(ST_FAIL, "cannot %s '%s': %s", copy.failed == from ? "read" : "write",
         copy.failed, strerror(error));
}
