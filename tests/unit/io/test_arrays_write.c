/* Named arrays, written as HDF5. */
#include "arrays_file.h"

#include "io/h5file.h"

static void give_numbers(void *context, int i, float *values)
{
    const struct array *array = context;
    for (size_t j = 0; j < array[i].count; j++)
        values[j] = (float)i + (float)j / 4;
}

static void test_round_trip(void **state)
{
    (void)state;
    static const struct array array[] = {
        {.name = "b.0.weight", .dims = 4, .dim = {3, 2, 5, 1}, .count = 30},
        {.name = "a.bias", .dims = 1, .dim = {7}, .count = 7},
        {.name = "b.0", .dims = 2, .dim = {2, 2}, .count = 4},
    };
    static const struct array_note note[] = {{"format", "some"},
                                             {"gr\xc3\xbc\xc3\x9f", "a\nb"}};
    const struct arrays_request request = {.as = ARRAYS_HDF5,
                                           .arrays = 3,
                                           .array = array,
                                           .notes = 2,
                                           .note = note,
                                           .give = give_numbers,
                                           .context = (void *)(uintptr_t)array};
    const char *path = scratch_path("own.h5");
    assert_int_equal(arrays_write(path, &request), ST_OK);
    assert_int_equal(scratch_count("own"), 1);
    struct arrays *file = open_arrays(path);
    assert_string_equal(arrays_format(file), "HDF5");
    assert_int_equal(arrays_count(file), 3);
    for (int i = 0; i < 3; i++) {
        float expected[30];
        int at = arrays_find(file, array[i].name);
        assert_true(at >= 0);
        assert_int_equal(arrays_at(file, at)->dims, array[i].dims);
        give_numbers((void *)(uintptr_t)array, i, expected);
        expect_values(file, at, expected, array[i].count);
    }
    arrays_close(file);
    struct h5file *raw;
    char *text;
    assert_int_equal(h5file_open(&raw, path), ST_OK);
    assert_true(h5file_has(raw, "/b.0.weight"));
    assert_int_equal(h5file_get_text(raw, "/", note[1].key, &text), ST_OK);
    assert_string_equal(text, "a\nb");
    free(text);
    h5file_close(raw);
}

static void test_not_written(void **state)
{
    (void)state;
    struct array array[] = {{.name = "a", .dims = 1, .dim = {1}, .count = 1},
                            {.name = "a", .dims = 1, .dim = {1}, .count = 1}};
    struct array_note note[] = {{"key", "\xff"}};
    struct arrays_request request = {.as = ARRAYS_HDF5,
                                     .arrays = 2,
                                     .array = array,
                                     .note = note,
                                     .give = give_numbers,
                                     .context = array};
    const char *path = scratch_path("never.h5");
    assert_int_equal(arrays_write(path, &request), ST_FAIL);
    expect_said("'/a'");
    array[1].name = "b/c";
    assert_int_equal(arrays_write(path, &request), ST_FAIL);
    expect_said("'b/c' cannot be the name of an array in it");
    array[1].name = ".";
    assert_int_equal(arrays_write(path, &request), ST_FAIL);
    expect_said("'.' cannot be the name of an array in it");
    array[1].name = "b";
    array[1].dims = 5;
    assert_int_equal(arrays_write(path, &request), ST_FAIL);
    expect_said("'b' has more than 4 dimensions");
    request.notes = 1;
    assert_int_equal(arrays_write(path, &request), ST_FAIL);
    expect_said("its note 'key' is not UTF-8");
    assert_int_equal(arrays_write(scratch_path("none/x.h5"), &request), ST_FAIL);
    expect_said("none/x.h5'");
    assert_int_equal(scratch_count("never"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_not_written),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
