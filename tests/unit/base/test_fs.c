#include "../scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>

static void test_join(void **state)
{
    (void)state;
    char path[FS_PATH], longest[FS_PATH];
    assert_int_equal(fs_join(path, "a", "b"), ST_OK);
    assert_string_equal(path, "a/b");
    assert_int_equal(fs_join(path, "a/", "b"), ST_OK);
    assert_string_equal(path, "a/b");
    assert_int_equal(fs_join(path, "", "b"), ST_OK);
    assert_string_equal(path, "b");
    memset(longest, 'x', sizeof longest);
    longest[FS_PATH - 3] = '\0';
    assert_int_equal(fs_join(path, longest, "b"), ST_OK); /* just fits */
    assert_int_equal(strlen(path), FS_PATH - 1);
    assert_int_equal(fs_join(path, longest, "bc"), ST_FAIL);
    expect_said("path too long");
}

static void test_kinds(void **state)
{
    (void)state;
    const char *file = scratch_write("file", "x", 1);
    assert_true(fs_is_file(file) && !fs_is_folder(file));
    assert_true(fs_is_folder(scratch_folder) && !fs_is_file(scratch_folder));
    assert_int_equal(fs_bytes(file), 1);
    assert_int_equal(fs_bytes(scratch_folder), 0);
    assert_int_equal(fs_bytes(scratch_path("none")), 0);
    assert_false(fs_is_file(scratch_path("none")) || fs_is_folder(scratch_path("none")));
}

static void test_make_folder(void **state)
{
    (void)state;
    const char *deep = scratch_path("one/two/three");
    assert_int_equal(fs_make_folder(deep), ST_OK);
    assert_true(fs_is_folder(deep));
    assert_int_equal(fs_make_folder(deep), ST_OK);
    assert_int_equal(fs_make_folder(scratch_path("one/")), ST_OK);
    scratch_write("one/file", "x", 1);
    assert_int_equal(fs_make_folder(scratch_path("one/file")), ST_FAIL);
    expect_said("one/file' is not a folder");
    assert_int_equal(fs_make_folder(scratch_path("one/file/below")), ST_FAIL);
    expect_said("cannot make folder");
    assert_int_equal(fs_make_folder(""), ST_FAIL);
    expect_said("cannot make folder '': it has no name");
}

static void test_list(void **state)
{
    (void)state;
    static const char *const made[] = {"b", "a10", "a2", ".hidden", "B", "a"};
    static const char *const sorted[] = {".hidden", "B", "a", "a10", "a2", "b"};
    char **names, path[64];
    int count;
    assert_int_equal(fs_make_folder(scratch_path("list")), ST_OK);
    assert_int_equal(fs_list(scratch_path("list"), &names, &count), ST_OK);
    assert_int_equal(count, 0);
    fs_free_list(names, count);
    for (int i = 0; i < 6; i++) {
        snprintf(path, sizeof path, "list/%s", made[i]);
        scratch_write(path, "", 0);
    }
    assert_int_equal(fs_list(scratch_path("list"), &names, &count), ST_OK);
    assert_int_equal(count, 6);
    for (int i = 0; i < 6; i++)
        assert_string_equal(names[i], sorted[i]);
    fs_free_list(names, count);
    assert_int_equal(fs_list(scratch_path("nowhere"), &names, &count), ST_FAIL);
    expect_said("cannot read folder");
}

/* Sizes around those at which the buffer grows. */
static void test_read_text(void **state)
{
    (void)state;
    static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 8192, 20000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        static char data[20000];
        for (size_t j = 0; j < sizes[i]; j++)
            data[j] = (char)(j % 251);
        size_t bytes = 1;
        char *text = scratch_read(scratch_write("text", data, sizes[i]), &bytes);
        assert_int_equal(bytes, sizes[i]);
        assert_memory_equal(text, data, bytes);
        assert_int_equal(text[bytes], 0);
        free(text);
    }
    char *text;
    size_t bytes;
    assert_int_equal(fs_read_text(scratch_path("none"), &text, &bytes), ST_FAIL);
    expect_said("none': No such file");
    assert_int_equal(fs_read_text(scratch_folder, &text, &bytes), ST_FAIL);
    expect_said("Is a directory");
}

static void expect_content(const char *path, const char *content)
{
    size_t bytes;
    char *text = scratch_read(path, &bytes);
    assert_string_equal(text, content);
    free(text);
}

/* The temporary file is in the folder of the target (rename must not cross file systems),
   and two processes use different ones. */
static void test_temp_name(void **state)
{
    (void)state;
    char mine[FS_PATH], theirs[FS_PATH] = "";
    const char *path = scratch_path("target");
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(fs_temp_name(mine, path), ST_OK);
    pid_t child = fork();
    if (child == 0) {
        int st = fs_temp_name(theirs, path);
        _exit(st != ST_OK || write(ends[1], theirs, sizeof theirs) != sizeof theirs);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], theirs, sizeof theirs), sizeof theirs);
    close(ends[0]);
    close(ends[1]);
    assert_string_not_equal(mine, theirs);
    assert_int_equal(strncmp(mine, path, strlen(path)), 0);
    assert_int_equal(strncmp(mine + strlen(path), ".tmp.", 5), 0);
    assert_null(strchr(mine + strlen(path), '/'));
    char longest[FS_PATH];
    memset(longest, 'x', sizeof longest);
    longest[FS_PATH - 8] = '\0';
    assert_int_equal(fs_temp_name(mine, longest), ST_FAIL);
    expect_said("path too long");
}

static void test_commit(void **state)
{
    (void)state;
    char temp[FS_PATH];
    const char *path = scratch_write("target", "old", 3);
    assert_int_equal(fs_temp_name(temp, path), ST_OK);
    scratch_write(strrchr(temp, '/') + 1, "new", 3);
    expect_content(path, "old");
    assert_int_equal(fs_commit(temp, path), ST_OK);
    expect_content(path, "new");
    assert_int_equal(scratch_count("target"), 1);
}

static void test_commit_fails(void **state)
{
    (void)state;
    char temp[FS_PATH];
    const char *path = scratch_write("target", "old", 3);
    assert_int_equal(fs_temp_name(temp, path), ST_OK);
    assert_int_equal(fs_commit(temp, path), ST_FAIL); /* there is no temporary file */
    expect_said("cannot write");
    expect_content(path, "old");
    scratch_write(strrchr(temp, '/') + 1, "new", 3);
    assert_int_equal(fs_commit(temp, scratch_path("no/such/folder")), ST_FAIL);
    expect_said("no/such/folder': No such file");
    expect_content(path, "old");
    assert_int_equal(scratch_count("target"), 1); /* the temporary file is removed */
}

/* A path without a folder is in the current one. */
static void test_commit_here(void **state)
{
    (void)state;
    char was[FS_PATH];
    assert_non_null(getcwd(was, sizeof was));
    assert_int_equal(chdir(scratch_folder), 0);
    scratch_write("here.tmp", "x", 1);
    assert_int_equal(fs_commit("here.tmp", "here"), ST_OK);
    assert_true(fs_is_file("here"));
    assert_int_equal(chdir(was), 0);
}

/* Removes only files named by fs_temp_name. */
static void test_remove_temps(void **state)
{
    (void)state;
    static const char *const made[] = {
        "a.h5.tmp.node1.77", "b.tmp.some.host.4711", "best.h5",
        "c.tmp.txt",         "d.h5.tmp.node1.77a",   "e.tmp.77",
        "f.tmp.node."};
    char temp[FS_PATH], **names, path[200];
    int count;
    assert_int_equal(fs_make_folder(scratch_path("temps")), ST_OK);
    for (int i = 0; i < 7; i++) {
        snprintf(path, sizeof path, "temps/%s", made[i]);
        scratch_write(path, "", 0);
    }
    assert_int_equal(fs_temp_name(temp, scratch_path("temps/x")), ST_OK);
    snprintf(path, sizeof path, "temps%s", strrchr(temp, '/'));
    scratch_write(path, "", 0);
    assert_int_equal(fs_remove_temps(scratch_path("temps")), ST_OK);
    assert_int_equal(fs_list(scratch_path("temps"), &names, &count), ST_OK);
    assert_int_equal(count, 5);
    for (int i = 0; i < 5; i++)
        assert_string_equal(names[i], made[i + 2]);
    fs_free_list(names, count);
    assert_int_equal(fs_remove_temps(scratch_path("nowhere")), ST_FAIL);
    expect_said("cannot read folder");
}

static void test_below(void **state)
{
    (void)state;
    char folder[FS_PATH], link_path[FS_PATH];
    snprintf(folder, sizeof folder, "%s", scratch_path("above"));
    snprintf(link_path, sizeof link_path, "%s", scratch_path("link"));
    assert_int_equal(fs_make_folder(folder), ST_OK);
    assert_int_equal(symlink(folder, link_path), 0);
    assert_true(fs_is_below(folder, folder));
    assert_true(fs_is_below(scratch_path("above/new/run"), folder));
    assert_true(fs_is_below(scratch_path("link/new"), folder));
    assert_true(fs_is_below(scratch_path("above/new"), link_path));
    assert_true(fs_is_below("new/run", "."));
    assert_true(fs_is_below("/no/such", "/"));
    assert_false(fs_is_below(scratch_path("above-it"), folder));
    assert_false(fs_is_below(scratch_path("above/../run"), folder));
    assert_false(fs_is_below(scratch_folder, folder));
    assert_false(fs_is_below(folder, scratch_path("none")));
}

static bool same_path(const char *a, const char *b)
{
    return fs_is_same_path(scratch_path(a), scratch_path(b));
}

static void test_same_path(void **state)
{
    (void)state;
    assert_int_equal(fs_make_folder(scratch_path("one")), ST_OK);
    assert_int_equal(fs_make_folder(scratch_path("two")), ST_OK);
    /* of files that do not exist yet */
    assert_true(same_path("one/new", "one/new"));
    assert_true(same_path("one/new", "two/../one/./new"));
    assert_false(same_path("one/new", "one/news"));
    assert_false(same_path("one/new", "two/new"));
    assert_false(same_path("none/new", "none/new")); /* there is no such folder */
    assert_true(fs_is_same_path("new", "./new"));
    assert_true(fs_is_same_path("/new", "//new"));
    /* and of those that do */
    scratch_write("one/old", "text", 4);
    scratch_write("two/old", "text", 4);
    assert_true(same_path("one/old", "two/../one/old"));
    assert_false(same_path("one/old", "two/old"));
    assert_false(same_path("one/old", "one/new"));
    assert_int_equal(symlink(scratch_path("one/old"), scratch_path("two/link")), 0);
    assert_true(same_path("one/old", "two/link"));
}

static void test_writer(void **state)
{
    (void)state;
    struct fs_writer writer;
    size_t bytes;
    char path[FS_PATH];
    snprintf(path, sizeof path, "%s", scratch_path("written"));
    assert_int_equal(fs_write_begin(&writer, path), ST_OK);
    for (int i = 0; i < 10000; i++)
        fprintf(writer.file, "%05d\n", i);
    assert_false(fs_is_file(path)); /* not before it is whole */
    assert_int_equal(fs_write_end(&writer), ST_OK);
    char *text = scratch_read(path, &bytes);
    assert_int_equal(bytes, 60000);
    assert_string_equal(text + 59994, "09999\n");
    free(text);
    assert_int_equal(fs_write_begin(&writer, path), ST_OK);
    fputs("other", writer.file);
    fs_write_drop(&writer);
    assert_int_equal(fs_bytes(path), 60000);
    assert_int_equal(scratch_count("written"), 1);
}

/* The reason is that of the first failed write, whatever comes after it. */
static void test_writer_fails(void **state)
{
    (void)state;
    struct fs_writer writer;
    char path[FS_PATH];
    snprintf(path, sizeof path, "%s", scratch_path("unwritten"));
    assert_int_equal(fs_write_begin(&writer, path), ST_OK);
    int full = open("/dev/full", O_WRONLY);
    assert_true(full >= 0 && dup2(full, writer.fd) >= 0);
    close(full);
    for (int i = 0; i < 10000; i++)
        fprintf(writer.file, "%05d\n", i);
    errno = ENOENT;
    assert_int_equal(fs_write_end(&writer), ST_FAIL);
    expect_said("unwritten': No space left on device");
    assert_int_equal(scratch_count("unwritten"), 0);
    assert_int_equal(fs_write_begin(&writer, scratch_path("no/such")), ST_FAIL);
    expect_said("no/such': No such file or directory");
}

static void expect_link(const char *path, const char *target)
{
    char now[FS_PATH] = "";
    ssize_t length = readlink(path, now, sizeof now - 1);
    assert_true(length > 0);
    now[length] = '\0';
    assert_string_equal(now, target);
}

static void test_link(void **state)
{
    (void)state;
    const char *link = scratch_path("newest");
    scratch_said();
    assert_int_equal(fs_link(link, "files/1"), ST_OK);
    expect_link(link, "files/1");
    assert_int_equal(fs_link(link, "files/2"), ST_OK); /* a dangling link is replaced */
    expect_link(link, "files/2");
    assert_int_equal(scratch_count("newest"), 1);
    expect_lines(0, "", NULL);
    assert_int_equal(fs_link(scratch_path("no/such"), "files/1"), ST_FAIL);
    expect_said("cannot make the link '");
}

/* Links of others and files stay; that is said once. */
static void test_link_spares(void **state)
{
    (void)state;
    size_t bytes;
    const char *file = scratch_write("mine", "text", 4);
    const char *other = scratch_path("other");
    assert_int_equal(symlink("/etc/hostname", other), 0);
    scratch_said();
    assert_int_equal(fs_link(file, "files/1"), ST_OK);
    expect_said(
        "mine' does not become a link to the newest file: there is something else");
    assert_int_equal(fs_link(other, "files/1"), ST_OK);
    expect_link(other, "/etc/hostname");
    expect_lines(0, "", NULL);
    char *text = scratch_read(file, &bytes);
    assert_string_equal(text, "text");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_join),         cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_make_folder),  cmocka_unit_test(test_list),
        cmocka_unit_test(test_read_text),    cmocka_unit_test(test_temp_name),
        cmocka_unit_test(test_commit),       cmocka_unit_test(test_commit_fails),
        cmocka_unit_test(test_commit_here),  cmocka_unit_test(test_below),
        cmocka_unit_test(test_writer),       cmocka_unit_test(test_writer_fails),
        cmocka_unit_test(test_remove_temps), cmocka_unit_test(test_same_path),
        cmocka_unit_test(test_link),         cmocka_unit_test(test_link_spares),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
