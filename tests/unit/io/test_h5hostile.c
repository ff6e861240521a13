/* HDF5 files that h5file must refuse, written with HDF5 itself. */
#include "../scratch.h"

#include <hdf5.h>

#include "io/h5file.h"

static hid_t make(const char *name)
{
    hid_t file = H5Fcreate(scratch_path(name), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(file >= 0);
    return file;
}

/* An array of `count` zeros, stored as the property list `list` says. */
static void put_array(hid_t file, const char *name, hid_t type, hsize_t count, hid_t list,
                      bool write)
{
    static const char zeros[4096];
    hid_t space = H5Screate_simple(1, &count, NULL);
    hid_t array = H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    assert_true(array >= 0);
    if (write)
        assert_true(H5Dwrite(array, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, zeros) >= 0);
    H5Dclose(array);
    H5Sclose(space);
}

static void expect_refused(const char *name, const char *array, const char *message)
{
    struct h5file *file;
    struct h5file_info info;
    assert_int_equal(h5file_open(&file, scratch_path(name)), ST_OK);
    assert_int_equal(h5file_info(file, array, &info), ST_FAIL);
    expect_said(message);
    uint8_t one;
    assert_int_equal(h5file_read_rows(file, array, H5FILE_U8, 0, 1, 1, &one), ST_FAIL);
    expect_said(message);
    h5file_close(file);
}

static void test_storage(void **state)
{
    (void)state;
    hsize_t four = 4;
    hid_t chunked = H5Pcreate(H5P_DATASET_CREATE), packed = H5Pcreate(H5P_DATASET_CREATE);
    hid_t compact = H5Pcreate(H5P_DATASET_CREATE),
          outside = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(chunked, 1, &four);
    H5Pset_chunk(packed, 1, &four);
    H5Pset_deflate(packed, 6);
    H5Pset_layout(compact, H5D_COMPACT);
    H5Pset_external(outside, "/etc/hostname", 0, H5F_UNLIMITED);
    hid_t file = make("storage.h5");
    put_array(file, "chunked", H5T_NATIVE_UINT8, 8, chunked, true);
    put_array(file, "packed", H5T_NATIVE_UINT8, 8, packed, true);
    put_array(file, "compact", H5T_NATIVE_UINT8, 8, compact, true);
    put_array(file, "outside", H5T_NATIVE_UINT8, 8, outside, false);
    H5Fclose(file);
    H5Pclose(chunked);
    H5Pclose(packed);
    H5Pclose(compact);
    H5Pclose(outside);
    const char *advice = "rewrite the file with 'h5repack -l CONTI -f NONE'";
    expect_refused("storage.h5", "/chunked", advice);
    expect_refused("storage.h5", "/packed", advice);
    expect_refused("storage.h5", "/compact", advice);
    expect_refused("storage.h5", "/outside", advice);
}

/* A header of a few bytes that announces a thousand terabytes. */
static void test_never_written(void **state)
{
    (void)state;
    hid_t file = make("sparse.h5");
    put_array(file, "x", H5T_NATIVE_UINT8, (hsize_t)1 << 50, H5P_DEFAULT, false);
    H5Fclose(file);
    expect_refused("sparse.h5", "/x", "it does not hold the 1125899906842624 numbers");
}

static void test_types(void **state)
{
    (void)state;
    hid_t odd = H5Tcopy(H5T_NATIVE_INT32), pair = H5Tcreate(H5T_COMPOUND, 8);
    H5Tset_precision(odd, 17);
    H5Tinsert(pair, "a", 0, H5T_NATIVE_INT32);
    H5Tinsert(pair, "b", 4, H5T_NATIVE_FLOAT);
    hid_t file = make("types.h5");
    put_array(file, "odd", odd, 8, H5P_DEFAULT, true);
    put_array(file, "pair", pair, 8, H5P_DEFAULT, true);
    put_array(file, "text", H5T_C_S1, 8, H5P_DEFAULT, true);
    put_array(file, "big", H5T_STD_U16BE, 8, H5P_DEFAULT, true);
    H5Fclose(file);
    H5Tclose(odd);
    H5Tclose(pair);
    expect_refused("types.h5", "/odd", "'/odd' in '");
    expect_refused("types.h5", "/pair", "is not an array of numbers");
    expect_refused("types.h5", "/text", "is not an array of numbers");
    struct h5file *good;
    struct h5file_info info;
    assert_int_equal(h5file_open(&good, scratch_path("types.h5")), ST_OK);
    assert_int_equal(h5file_info(good, "/big", &info), ST_OK);
    assert_int_equal(info.type, H5FILE_U16);
    h5file_close(good);
}

/* Only links within the file are followed. This test must be the first: once h5file has
   opened a file, HDF5 can no longer create external links. */
static void test_links(void **state)
{
    (void)state;
    hid_t file = make("other.h5");
    put_array(file, "x", H5T_NATIVE_UINT8, 8, H5P_DEFAULT, true);
    H5Fclose(file);
    file = make("links.h5");
    put_array(file, "x", H5T_NATIVE_UINT8, 8, H5P_DEFAULT, true);
    assert_true(H5Lcreate_soft("/x", file, "soft", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_true(H5Lcreate_soft("/loop", file, "loop", H5P_DEFAULT, H5P_DEFAULT) >= 0);
    assert_true(H5Lcreate_external("other.h5", "/x", file, "outside", H5P_DEFAULT,
                                   H5P_DEFAULT) >= 0);
    H5Fclose(file);
    expect_refused("links.h5", "/outside", "holds no '/outside'");
    expect_refused("links.h5", "/loop", "holds no '/loop'");
    struct h5file *good;
    uint8_t numbers[8];
    assert_int_equal(h5file_open(&good, scratch_path("links.h5")), ST_OK);
    assert_int_equal(h5file_read(good, "/soft", H5FILE_U8, 8, numbers), ST_OK);
    h5file_close(good);
}

static void put_attribute(hid_t file, const char *name, hid_t type, hid_t space,
                          const void *value)
{
    hid_t id = H5Acreate2(file, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    assert_true(id >= 0 && (!value || H5Awrite(id, type, value) >= 0));
    H5Aclose(id);
}

static void test_attributes(void **state)
{
    (void)state;
    const char *text = "any length";
    const int value = 7;
    hid_t variable = H5Tcopy(H5T_C_S1), odd = H5Tcopy(H5T_NATIVE_INT32);
    hid_t scalar = H5Screate(H5S_SCALAR), null = H5Screate(H5S_NULL);
    H5Tset_size(variable, H5T_VARIABLE);
    H5Tset_precision(odd, 17);
    hid_t file = make("attributes.h5");
    put_attribute(file, "variable", variable, scalar, &text);
    put_attribute(file, "odd", odd, scalar, &value);
    put_attribute(file, "null", H5T_C_S1, null, NULL);
    H5Fclose(file);
    H5Tclose(variable);
    H5Tclose(odd);
    H5Sclose(scalar);
    H5Sclose(null);
    struct h5file *bad;
    char *back;
    uint64_t number;
    assert_int_equal(h5file_open(&bad, scratch_path("attributes.h5")), ST_OK);
    assert_int_equal(h5file_get_text(bad, "/", "variable", &back), ST_FAIL);
    expect_said("is text of variable length, in a file that was not probed; use");
    assert_int_equal(h5file_get_u64(bad, "/", "odd", &number), ST_FAIL);
    expect_said("attribute 'odd' of '");
    assert_int_equal(h5file_get_text(bad, "/", "null", &back), ST_FAIL);
    expect_said("is not text");
    h5file_close(bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links),         cmocka_unit_test(test_storage),
        cmocka_unit_test(test_never_written), cmocka_unit_test(test_types),
        cmocka_unit_test(test_attributes),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
