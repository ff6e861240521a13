/* Named arrays: HDF5 files, written with HDF5 itself and by h5file. */
#include "arrays_file.h"

#include <hdf5.h>

#include "io/h5file.h"
#include "io/h5walk.h"

static hid_t make(const char *name)
{
    hid_t file = H5Fcreate(scratch_path(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

/* Takes over the property list. The values are floats, doubles for a type of 8 bytes. */
static void put(hid_t file, const char *name, hid_t type, int dims, const hsize_t *dim,
                hid_t list, const void *values)
{
    hid_t memory = H5Tget_size(type) == 8 ? H5T_NATIVE_DOUBLE : H5T_NATIVE_FLOAT;
    hid_t space = dims ? H5Screate_simple(dims, dim, NULL) : H5Screate(H5S_SCALAR);
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t array = H5Dcreate2(file, name, type, space, links, list, H5P_DEFAULT);
    assert_true(array >= 0);
    if (values)
        assert_true(H5Dwrite(array, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) >= 0);
    H5Dclose(array);
    H5Sclose(space);
    H5Pclose(links);
    if (list != H5P_DEFAULT)
        H5Pclose(list);
}

static void put_floats(hid_t file, const char *name, int dims, const hsize_t *dim,
                       const float *values)
{
    put(file, name, H5T_IEEE_F32LE, dims, dim, H5P_DEFAULT, values);
}

static const float some[6] = {0, 1, -2, 3.5f, 4, 5};

static void test_links(void **state)
{
    (void)state;
    hsize_t six = 6;
    hid_t file = make("other.h5");
    put_floats(file, "outside", 1, &six, some);
    H5Fclose(file);
    file = make("links.h5");
    put_floats(file, "g/x", 1, &six, some);
    assert_true(H5Lcreate_hard(file, "g/x", file, "again", H5P_DEFAULT, H5P_DEFAULT) >=
                0);
    assert_true(H5Lcreate_soft("/g/x", file, "soft", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_true(H5Lcreate_soft("/none", file, "lost", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_true(H5Lcreate_external("other.h5", "/outside", file, "outside", H5P_DEFAULT,
                                   H5P_DEFAULT) >= 0);
    H5Fclose(file);
    struct arrays *arrays = open_arrays(scratch_path("links.h5"));
    assert_int_equal(arrays_count(arrays), 2);
    expect_array(arrays, 0, "again", ARRAY_F32, (int[]){6, -1});
    expect_array(arrays, 1, "g.x", ARRAY_F32, (int[]){6, -1});
    expect_values(arrays, 0, some, 6);
    expect_values(arrays, 1, some, 6);
    arrays_close(arrays);
}

static void test_types(void **state)
{
    (void)state;
    const hsize_t dim[] = {2, 3}, none[] = {0, 3};
    const double wide[] = {0.1, 1e300, 0x1.fffffefp127, -0.0, 1e-46, 7};
    const float narrow[] = {0.1f, 1.0f / 0.0f, 0x1.fffffep127f, -0.0f, 0, 7};
    hid_t file = make("types.h5");
    put(file, "c/f8", H5T_IEEE_F64LE, 2, dim, H5P_DEFAULT, wide);
    put(file, "b/f8be", H5T_IEEE_F64BE, 2, dim, H5P_DEFAULT, wide);
    put(file, "a/f4be", H5T_IEEE_F32BE, 2, dim, H5P_DEFAULT, some);
    put_floats(file, "a/b/c/scalar", 0, NULL, some + 3);
    put_floats(file, "empty", 2, none, NULL);
    put(file, "i4", H5T_STD_I32LE, 2, dim, H5P_DEFAULT, some);
    H5Gclose(H5Gcreate2(file, "a/nothing", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
    hid_t named = H5Tcopy(H5T_IEEE_F32LE);
    assert_true(
        H5Tcommit2(file, "a/type", named, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT) >= 0);
    H5Tclose(named);
    H5Fclose(file);
    float value;
    struct arrays *arrays = open_arrays(scratch_path("types.h5"));
    assert_string_equal(arrays_format(arrays), "HDF5");
    assert_int_equal(arrays_count(arrays), 6);
    static const struct {
        const char *name;
        enum array_type type;
        int dim[3];
    } expected[] = {
        {"c.f8", ARRAY_F64, {2, 3, -1}},   {"b.f8be", ARRAY_F64, {2, 3, -1}},
        {"a.f4be", ARRAY_F32, {2, 3, -1}}, {"a.b.c.scalar", ARRAY_F32, {-1}},
        {"empty", ARRAY_F32, {0, 3, -1}},  {"i4", ARRAY_OTHER, {2, 3, -1}},
    };
    for (int i = 0; i < 6; i++)
        expect_array(arrays, arrays_find(arrays, expected[i].name), expected[i].name,
                     expected[i].type, expected[i].dim);
    /* in the order of their data, which is that of writing */
    assert_true(arrays_find(arrays, "c.f8") < arrays_find(arrays, "b.f8be"));
    assert_true(arrays_find(arrays, "b.f8be") < arrays_find(arrays, "a.f4be"));
    expect_values(arrays, arrays_find(arrays, "c.f8"), narrow, 6);
    expect_values(arrays, arrays_find(arrays, "b.f8be"), narrow, 6);
    expect_values(arrays, arrays_find(arrays, "a.f4be"), some, 6);
    expect_values(arrays, arrays_find(arrays, "a.b.c.scalar"), some + 3, 1);
    expect_values(arrays, arrays_find(arrays, "empty"), NULL, 0);
    assert_int_equal(arrays_read(arrays, arrays_find(arrays, "i4"), &value), ST_FAIL);
    expect_said("array 'i4' of '");
    arrays_close(arrays);
}

static void test_not_readable(void **state)
{
    (void)state;
    const hsize_t five[] = {1, 1, 2, 1, 3}, six = 6, huge = (hsize_t)1 << 60;
    hid_t chunked = H5Pcreate(H5P_DATASET_CREATE), pair = H5Tcreate(H5T_COMPOUND, 8);
    H5Pset_chunk(chunked, 1, &six);
    H5Tinsert(pair, "a", 0, H5T_NATIVE_FLOAT);
    H5Tinsert(pair, "b", 4, H5T_NATIVE_FLOAT);
    hid_t file = make("not.h5");
    put_floats(file, "five", 5, five, some);
    put_floats(file, "sparse", 1, &huge, NULL);
    put(file, "chunked", H5T_IEEE_F32LE, 1, &six, chunked, some);
    put(file, "pair", pair, 1, &six, H5P_DEFAULT, NULL);
    H5Tclose(pair);
    H5Fclose(file);
    static const struct {
        const char *name, *message;
        int dim[6];
    } cases[] = {
        {"five", "has 5 dimensions; at most 4 can be read", {1, 1, 2, 1, 3, -1}},
        {"chunked", "rewrite the file with 'h5repack -l CONTI -f NONE'", {6, -1}},
        {"pair", "is not an array of numbers", {6, -1}},
    };
    float value;
    struct arrays *arrays = open_arrays(scratch_path("not.h5"));
    assert_int_equal(arrays_count(arrays), 4);
    for (int i = 0; i < 3; i++) {
        int at = arrays_find(arrays, cases[i].name);
        expect_array(arrays, at, cases[i].name, ARRAY_OTHER, cases[i].dim);
        assert_int_equal(arrays_read(arrays, at, &value), ST_FAIL);
        expect_said(cases[i].message);
    }
    int sparse = arrays_find(arrays, "sparse");
    assert_int_equal(arrays_at(arrays, sparse)->type, ARRAY_OTHER);
    assert_int_equal(arrays_read(arrays, sparse, &value), ST_FAIL);
    expect_said("it does not hold the 1152921504606846976 numbers of '/sparse'");
    arrays_close(arrays);
}

static void test_hostile_groups(void **state)
{
    (void)state;
    hid_t file = make("loop.h5");
    put_floats(file, "a/x", 0, NULL, some);
    for (int i = 0; i < 4; i++) { /* 4^32 ways to go */
        char name[] = "a/0";
        name[2] = (char)('0' + i);
        assert_true(H5Lcreate_hard(file, "a", file, name, H5P_DEFAULT, H5P_DEFAULT) >= 0);
    }
    H5Fclose(file);
    expect_refused(scratch_path("loop.h5"), "has groups in groups, more than 32 deep");
    file = make("dots.h5");
    put_floats(file, "a.b/c", 0, NULL, some);
    put_floats(file, "a/b.c", 0, NULL, some);
    H5Fclose(file);
    expect_refused(scratch_path("dots.h5"), "holds two arrays with the name 'a.b.c'");
    file = make("name.h5");
    put_floats(file, "a\nb", 0, NULL, some);
    H5Fclose(file);
    expect_refused(scratch_path("name.h5"), "has a name with control characters");
    file = make("dims.h5");
    put_floats(file, "a", 9, (const hsize_t[]){1, 1, 1, 1, 1, 1, 1, 1, 1}, some);
    H5Fclose(file);
    expect_refused(scratch_path("dims.h5"), "has 9 dimensions; at most 8 are possible");
    file = make("large.h5");
    hid_t chunked = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(chunked, 2, (const hsize_t[]){1, 1});
    hsize_t huge = (hsize_t)1 << 40;
    hid_t space = H5Screate_simple(2, (const hsize_t[]){1, 1},
                                   (const hsize_t[]){H5S_UNLIMITED, H5S_UNLIMITED});
    hid_t array =
        H5Dcreate2(file, "a", H5T_IEEE_F32LE, space, H5P_DEFAULT, chunked, H5P_DEFAULT);
    assert_true(H5Dset_extent(array, (const hsize_t[]){huge, huge}) >= 0);
    H5Dclose(array);
    H5Sclose(space);
    H5Pclose(chunked);
    H5Fclose(file);
    expect_refused(scratch_path("large.h5"), "'/a' in '");
}

/* A group with more members than are stored in its header: another format in the file. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = 300 };
    struct h5file *own;
    assert_int_equal(h5file_create(&own, scratch_path("many.h5")), ST_OK);
    for (int i = 0; i < MANY; i++) {
        char name[32];
        float value = (float)i;
        snprintf(name, sizeof name, "/layer/%d", (i * 7) % MANY);
        assert_int_equal(
            h5file_write(own, name, H5FILE_F32, 1, (const size_t[]){1}, &value), ST_OK);
    }
    assert_int_equal(h5file_commit(own), ST_OK);
    h5file_close(own);
    struct arrays *arrays = open_arrays(scratch_path("many.h5"));
    assert_int_equal(arrays_count(arrays), MANY);
    for (int i = 0; i < MANY; i++) {
        char name[32];
        snprintf(name, sizeof name, "layer.%d", (i * 7) % MANY);
        expect_values(arrays, arrays_find(arrays, name), (const float[]){(float)i}, 1);
    }
    arrays_close(arrays);
}

static enum status stop_at_once(void *context, const struct h5walk_array *array)
{
    (void)array;
    ++*(int *)context;
    return ST_USAGE;
}

static void test_walk_stops(void **state)
{
    (void)state;
    struct h5file *file;
    int calls = 0;
    assert_int_equal(h5file_open(&file, scratch_path("many.h5")), ST_OK);
    assert_int_equal(h5file_walk(file, stop_at_once, &calls), ST_USAGE);
    assert_int_equal(calls, 1);
    h5file_close(file);
}

static void test_files_of_lockstep(void **state)
{
    (void)state;
    struct h5file *own;
    uint8_t pixel = 0;
    assert_int_equal(h5file_create(&own, scratch_path("set.h5")), ST_OK);
    assert_int_equal(h5file_write(own, "/train/images", H5FILE_U8, 0, NULL, &pixel),
                     ST_OK);
    assert_int_equal(h5file_commit(own), ST_OK);
    h5file_close(own);
    expect_refused(scratch_path("set.h5"), "is a data set, not a file of named arrays");
    assert_int_equal(h5file_create(&own, scratch_path("check.h5")), ST_OK);
    assert_int_equal(
        h5file_write(own, "/weights/a/bias", H5FILE_F32, 1, (const size_t[]){6}, some),
        ST_OK);
    assert_int_equal(h5file_commit(own), ST_OK);
    h5file_close(own);
    struct arrays *arrays = open_arrays(scratch_path("check.h5"));
    expect_array(arrays, 0, "weights.a.bias", ARRAY_F32, (int[]){6, -1});
    expect_values(arrays, 0, some, 6);
    arrays_close(arrays);
    expect_refused(scratch_write("bad.h5", "\x89HDF\r\n\x1a\n", 8),
                   "bad.h5': the HDF5 file is damaged");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links), /* first: later, HDF5 makes no external links */
        cmocka_unit_test(test_types),          cmocka_unit_test(test_not_readable),
        cmocka_unit_test(test_hostile_groups), cmocka_unit_test(test_many),
        cmocka_unit_test(test_walk_stops),     cmocka_unit_test(test_files_of_lockstep),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
