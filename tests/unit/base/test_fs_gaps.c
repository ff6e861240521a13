/* fs and lockfile on file systems that cannot do what others can. Each test runs in a
   process of its own: what is lacking is said once in a process. */
#include "capture.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "../scratch.h"
#include "base/lockfile.h"

static int folder_sync, file_sync; /* the errno of fsync */
static int replacing, renaming;    /* of rename: to an existing name, any */
static bool renamed_twice;         /* NFS repeats a request */
static int making;                 /* of mkdir */
static int locking;                /* of flock */
static bool renumbered;            /* a file has another number each time */

static int fails_with(int error)
{
    errno = error;
    return -1;
}

/* Replace libc's. */

int fstat(int fd, struct stat *s)
{
    static ino_t turn;
    int result = fstatat(fd, "", s, AT_EMPTY_PATH);
    if (renumbered)
        s->st_ino += ++turn;
    return result;
}

int fsync(int fd)
{
    struct stat s;
    if (fstatat(fd, "", &s, AT_EMPTY_PATH) != 0)
        return -1;
    int error = S_ISDIR(s.st_mode) ? folder_sync : file_sync;
    return error ? fails_with(error) : 0;
}

int rename(const char *from, const char *to)
{
    bool exists = access(to, F_OK) == 0;
    if (renaming || (exists && replacing))
        return fails_with(renaming ? renaming : replacing);
    int result = (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
    return renamed_twice ? fails_with(ENOENT) : result;
}

int mkdir(const char *path, mode_t mode)
{
    int result = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
    return result != 0 && making ? fails_with(making) : result;
}

int flock(int fd, int operation)
{
    return locking ? fails_with(locking) : (int)syscall(SYS_flock, fd, operation);
}

/* --- replacing a file --- */

static char target[FS_PATH];

static int commit(void)
{
    char temp[FS_PATH];
    enum status st = fs_temp_name(temp, target);
    if (st == ST_OK) {
        scratch_write(strrchr(temp, '/') + 1, "new", 3);
        st = fs_commit(temp, target);
    }
    return st;
}

static int commit_twice(void)
{
    int st = commit();
    return st ? st : commit();
}

static void expect_target(const char *content)
{
    size_t bytes;
    char *text = scratch_read(target, &bytes);
    assert_string_equal(text, content);
    free(text);
    assert_int_equal(scratch_count("target"), 1);
}

/* One note, though two files are written; none: nothing is said. */
static void expect_done(const char *note)
{
    strcpy(target, scratch_write("target", "old", 3));
    struct captured c = capture(commit_twice);
    if (c.code != 0 || strncmp(c.err, note, strlen(note)) != 0 ||
        (*note && strchr(c.err, '\n') != c.err + strlen(c.err) - 1))
        fail_msg("exit code %d, expected one '%s', heard: '%s'", c.code, note, c.err);
    expect_target("new");
}

static void test_folders_that_cannot_be_synced(void **state)
{
    static const int errors[] = {EINVAL, ENOSYS, EOPNOTSUPP, EIO, EBADF, EACCES};
    (void)state;
    expect_done("");
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        char note[FS_PATH + 100];
        folder_sync = errors[i];
        snprintf(note, sizeof note,
                 "note: the file system of '%s' cannot sync a folder (%s): ",
                 scratch_folder, strerror(errors[i]));
        expect_done(note);
    }
    folder_sync = 0;
}

/* EIO is a failure of the device: the data may be lost. */
static void test_files_that_cannot_be_synced(void **state)
{
    static const int lacks[] = {EINVAL, ENOSYS, EOPNOTSUPP}, fatal[] = {EIO, ENOSPC};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        file_sync = lacks[i];
        expect_done("note: the file system of '");
    }
    for (size_t i = 0; i < 2; i++) {
        strcpy(target, scratch_write("target", "old", 3));
        file_sync = fatal[i];
        struct captured c = capture(commit);
        assert_int_equal(c.code, ST_FAIL);
        assert_non_null(strstr(c.err, "lockstep: cannot write '"));
        expect_target("old");
    }
    file_sync = 0;
}

static void test_rename_that_cannot_replace(void **state)
{
    static const int errors[] = {EEXIST, EPERM, EACCES};
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        replacing = errors[i];
        expect_done("note: the file system of '");
    }
    replacing = EBUSY; /* a file that is mounted */
    strcpy(target, scratch_write("target", "old", 3));
    assert_int_equal(capture(commit).code, ST_FAIL);
    expect_target("old");
    replacing = 0;
    renaming = EPERM; /* a folder that is not ours, with the sticky bit */
    struct captured c = capture(commit);
    assert_int_equal(c.code, ST_FAIL);
    assert_non_null(strstr(c.err, "Operation not permitted"));
    expect_target("old");
    renaming = 0;
}

static void test_rename_that_fails(void **state)
{
    (void)state;
    strcpy(target, scratch_path("none"));
    renaming = EIO;
    struct captured c = capture(commit);
    assert_int_equal(c.code, ST_FAIL);
    assert_non_null(strstr(c.err, ": Input/output error\n"));
    renaming = 0;
}

static void test_rename_that_was_done_before(void **state)
{
    (void)state;
    renamed_twice = true;
    expect_done("");
    renamed_twice = false;
}

static void test_folders_that_exist(void **state)
{
    static const int errors[] = {EACCES, EPERM, EROFS, ENOSYS};
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        making = errors[i];
        assert_int_equal(fs_make_folder(scratch_path("one/two")), ST_OK);
        assert_true(fs_is_folder(scratch_path("one/two")));
        assert_int_equal(remove(scratch_path("one/two")), 0);
    }
    making = 0;
}

/* --- locks --- */

static char path[FS_PATH];

static int take_twice(void)
{
    struct lockfile lock;
    for (int i = 0; i < 2; i++) {
        if (lockfile_take(&lock, path, "run", 0) != ST_OK)
            return 1;
        if (lockfile_keep(&lock, "run") != ST_OK || !fs_is_file(path))
            return 2;
        lockfile_release(&lock);
        if (fs_is_file(path))
            return 3;
    }
    return 0;
}

static void expect_taken(void)
{
    struct captured c = capture(take_twice);
    if (c.code != 0 || strncmp(c.err, "note: there are no locks for '", 30) != 0 ||
        strchr(c.err, '\n') != c.err + strlen(c.err) - 1)
        fail_msg("exit code %d, heard '%s'", c.code, c.err);
}

static void test_no_locks(void **state)
{
    static const int errors[] = {ENOLCK, EOPNOTSUPP};
    (void)state;
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        locking = errors[i];
        expect_taken();
    }
    locking = 0;
}

static void test_files_without_a_lasting_number(void **state)
{
    (void)state;
    renumbered = true;
    expect_taken();
    renumbered = false;
}

static int make_paths(void **state)
{
    int bad = scratch_setup(state);
    log_close_file(); /* each process says it on stderr */
    snprintf(path, sizeof path, "%s", scratch_path("lock"));
    return bad;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folders_that_cannot_be_synced),
        cmocka_unit_test(test_files_that_cannot_be_synced),
        cmocka_unit_test(test_rename_that_cannot_replace),
        cmocka_unit_test(test_rename_that_fails),
        cmocka_unit_test(test_rename_that_was_done_before),
        cmocka_unit_test(test_folders_that_exist),
        cmocka_unit_test(test_no_locks),
        cmocka_unit_test(test_files_without_a_lasting_number),
    };
    return cmocka_run_group_tests(tests, make_paths, scratch_teardown);
}
