/* Named arrays, beside NumPy and h5py: make_arrays.py writes the files and what must be
   read. */
#include "arrays_file.h"

#include <sys/wait.h>

#define NO_NUMPY 77 /* exit status of make_arrays.py */

static bool peers_made;

static int peers_setup(void **state)
{
    char command[2 * FS_PATH];
    if (scratch_setup(state) != 0)
        return -1;
    snprintf(command, sizeof command,
             "/usr/bin/python3 tests/unit/io/make_arrays.py '%s'", scratch_folder);
    int status = system(command);
    if (!WIFEXITED(status))
        return -1;
    peers_made = status == 0;
    bool absent = WEXITSTATUS(status) == NO_NUMPY || WEXITSTATUS(status) == 127;
    return peers_made || absent ? 0 : -1;
}

/* Compares the array that a line describes; returns what is behind its numbers. */
static const char *peers_compare(struct arrays *file, const char *line)
{
    char name[ARRAYS_NAME];
    int type, used;
    size_t count = 1, n;
    int dims = 0;
    assert_int_equal(sscanf(line, "%255s %d%n", name, &type, &used), 2);
    int i = arrays_find(file, name);
    if (i < 0)
        fail_msg("'%s' is missing", name);
    const struct array *array = arrays_at(file, i);
    assert_int_equal(array->type, type);
    for (line += used; *line != '\n'; line += used) {
        assert_int_equal(sscanf(line, "%zu%n", &n, &used), 1);
        assert_true(dims < array->dims && array->dim[dims] == n);
        count *= n;
        dims++;
    }
    assert_int_equal(array->dims, dims);
    if (type == ARRAY_OTHER)
        return line + 1;
    float *expected = malloc((count + 1) * sizeof *expected);
    assert_non_null(expected);
    memcpy(expected, line + 1, count * sizeof *expected);
    expect_values(file, i, expected, count);
    free(expected);
    return line + 1 + count * sizeof *expected;
}

static void peers_expect(const char *name, int least)
{
    char with[64];
    size_t bytes;
    int arrays = 0;
    if (!peers_made)
        skip();
    snprintf(with, sizeof with, "%s.expected", name);
    char *expected = scratch_read(scratch_path(with), &bytes);
    struct arrays *file = open_arrays(scratch_path(name));
    for (const char *line = expected; line < expected + bytes; arrays++)
        line = peers_compare(file, line);
    assert_int_equal(arrays_count(file), arrays);
    assert_true(arrays >= least);
    arrays_close(file);
    free(expected);
}

static void test_plain_npz(void **state)
{
    (void)state;
    peers_expect("plain.npz", 80);
}

static void test_deflated_npz(void **state)
{
    (void)state;
    peers_expect("deflated.npz", 80);
}

static void test_npy_versions(void **state)
{
    (void)state;
    peers_expect("versions.npz", 3);
}

static void test_earliest_h5(void **state)
{
    (void)state;
    peers_expect("earliest.h5", 50);
}

static void test_latest_h5(void **state)
{
    (void)state;
    peers_expect("latest.h5", 50);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_npz),    cmocka_unit_test(test_deflated_npz),
        cmocka_unit_test(test_npy_versions), cmocka_unit_test(test_earliest_h5),
        cmocka_unit_test(test_latest_h5),
    };
    return cmocka_run_group_tests(tests, peers_setup, scratch_teardown);
}
