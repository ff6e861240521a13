#include "../scratch.h"

#include <unistd.h>

#include "io/h5file.h"
#include "io/target.h"

static const struct target_kind trace = {"a trace", .head = "TRACE"};
static const struct target_kind plan = {"a plan", .format = "a plan 1"};
static const struct target_kind set = {"a set", .object = "/train"};

static const char *write_h5(const char *name, const char *format, const char *array)
{
    struct h5file *file;
    const char *path = scratch_path(name);
    const float one = 1;
    assert_int_equal(h5file_create(&file, path), ST_OK);
    if (format)
        assert_int_equal(h5file_put_text(file, "/", "format", format), ST_OK);
    assert_int_equal(h5file_write(file, array, H5FILE_F32, 1, (size_t[]){1}, &one),
                     ST_OK);
    assert_int_equal(h5file_commit(file), ST_OK);
    h5file_close(file);
    return path;
}

static void expect_written(const char *path, const struct target_kind *kind)
{
    assert_int_equal(target_check(path, kind, NULL, 0), ST_OK);
    assert_int_equal(scratch_count(".tmp."), 0);
}

static void expect_refused(const char *path, const struct target_kind *kind,
                           const char *said)
{
    assert_int_equal(target_check(path, kind, NULL, 0), ST_USAGE);
    expect_said(said);
}

static void test_kinds(void **state)
{
    (void)state;
    expect_written(scratch_path("new"), &trace);
    expect_written(scratch_write("empty", "", 0), &plan);
    expect_written(scratch_write("trace", "TRACE and more", 14), &trace);
    expect_written(write_h5("plan.h5", "a plan 1", "/rows"), &plan);
    expect_written(write_h5("set.h5", NULL, "/train/images"), &set);
    expect_refused(scratch_write("short", "TRAC", 4), &trace,
                   "it is a text file, not a trace");
    expect_refused(scratch_path("plan.h5"), &trace, "an HDF5 file, not a trace");
    expect_refused(scratch_path("trace"), &plan, "a text file, not a plan, and is not");
    expect_refused(scratch_path("set.h5"), &plan, "it is a data set, not a plan");
    expect_refused(scratch_path("plan.h5"), &set, "an HDF5 file, not a set");
    expect_refused(write_h5("plan.h5", "a plan 2", "/rows"), &plan, "not a plan");
    expect_refused(scratch_write("a.zip", "PK\3\4", 4), &set,
                   "a zip archive, not a set, and");
    expect_refused(scratch_folder, &set, "it is a folder, not a set");
    expect_refused("/dev/null", &set, "not a set");
    expect_refused("", &set, "cannot write a file whose name is ''");
    assert_int_equal(target_check(scratch_path("no/such"), &set, NULL, 0), ST_FAIL);
    expect_said("cannot write '");
}

static void expect_same(const char *path, const char *input, const char *said)
{
    const char *const inputs[] = {NULL, scratch_folder, "/no/such", input};
    assert_int_equal(target_check(path, &trace, inputs, 4), ST_USAGE);
    expect_said(said);
}

static void test_inputs(void **state)
{
    (void)state;
    char input[FS_PATH], link_path[FS_PATH], symbolic[FS_PATH], other[FS_PATH];
    snprintf(input, sizeof input, "%s", scratch_write("input", "TRACE", 5));
    snprintf(other, sizeof other, "%s", scratch_write("other", "TRACE", 5));
    snprintf(link_path, sizeof link_path, "%s", scratch_path("hard"));
    snprintf(symbolic, sizeof symbolic, "%s", scratch_path("symbolic"));
    assert_int_equal(link(input, link_path), 0);
    assert_int_equal(symlink(input, symbolic), 0);
    expect_same(input, input, "input' cannot be written: it is what is read");
    expect_same(link_path, input, "input', which is read");
    expect_same(symbolic, input, "input', which is read");
    expect_same(input, symbolic, "symbolic', which is read");
    assert_int_equal(target_check(other, &trace, (const char *[]){input}, 1), ST_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_inputs),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
