#include "../scratch.h"

#include <signal.h>
#include <sys/resource.h>

#include "io/h5file.h"

static struct h5file *create(const char *name)
{
    struct h5file *file;
    assert_int_equal(h5file_create(&file, scratch_path(name)), ST_OK);
    return file;
}

static struct h5file *reopen(struct h5file *file)
{
    char path[FS_PATH];
    snprintf(path, sizeof path, "%s", h5file_path(file));
    assert_int_equal(h5file_commit(file), ST_OK);
    h5file_close(file);
    assert_int_equal(h5file_open(&file, path), ST_OK);
    assert_string_equal(h5file_path(file), path);
    return file;
}

static void test_arrays_of_every_type(void **state)
{
    (void)state;
    struct h5file *file = create("types.h5");
    const size_t dim[2] = {2, 3};
    const uint8_t u8[6] = {0, 1, 2, 253, 254, 255};
    const uint16_t u16[6] = {0, 1, 2, 255, 256, 65535};
    const int32_t i32[6] = {INT32_MIN, -1, 0, 1, 2, INT32_MAX};
    const int64_t i64[6] = {INT64_MIN, -1, 0, 1, 2, INT64_MAX};
    const uint64_t u64[6] = {0, 1, 2, 3, 4, UINT64_MAX};
    const float f32[6] = {-1.5f, 0, 1e-38f, 1e38f, 3, 0.1f};
    const double f64[6] = {-1.5, 0, 1e-300, 1e300, 3, 0.1};
    const void *data[] = {u8, u16, i32, i64, u64, f32, f64};
    const char *name[] = {"/a/u8",    "/a/u16",     "/a/b/i32", "/a/b/i64",
                          "/a/b/u64", "/a/b/c/f32", "/f64"};
    const size_t bytes[] = {1, 2, 4, 8, 8, 4, 8};
    for (int t = H5FILE_U8; t <= H5FILE_F64; t++) {
        assert_int_equal(h5file_type_size(t), bytes[t]);
        assert_int_equal(h5file_write(file, name[t], t, 2, dim, data[t]), ST_OK);
    }
    file = reopen(file);
    for (int t = H5FILE_U8; t <= H5FILE_F64; t++) {
        struct h5file_info info;
        uint64_t back[6];
        assert_int_equal(h5file_info(file, name[t], &info), ST_OK);
        assert_int_equal(info.type, t);
        assert_int_equal(info.ndims, 2);
        assert_int_equal(info.dim[0], 2);
        assert_int_equal(info.dim[1], 3);
        assert_int_equal(info.count, 6);
        assert_int_equal(h5file_read(file, name[t], t, 6, back), ST_OK);
        assert_memory_equal(back, data[t], 6 * bytes[t]);
    }
    float wide[6];
    assert_int_equal(h5file_read(file, "/a/u8", H5FILE_F32, 6, wide), ST_OK);
    assert_true(wide[5] == 255.0f);
    h5file_close(file);
}

static void test_rows(void **state)
{
    (void)state;
    struct h5file *file = create("rows.h5");
    const size_t dim[3] = {1000, 5, 3};
    static uint16_t all[1000][5][3], back[1000][5][3];
    for (int i = 0; i < 15000; i++)
        (&all[0][0][0])[i] = (uint16_t)(i * 7);
    assert_int_equal(h5file_write(file, "/x", H5FILE_U16, 3, dim, all), ST_OK);
    file = reopen(file);
    assert_int_equal(h5file_read_rows(file, "/x", H5FILE_U16, 0, 1000, 15, back), ST_OK);
    assert_memory_equal(back, all, sizeof all);
    memset(back, 0, sizeof back);
    assert_int_equal(h5file_read_rows(file, "/x", H5FILE_U16, 999, 1, 15, back[3]),
                     ST_OK);
    assert_memory_equal(back[3], all[999], sizeof all[0]);
    assert_int_equal(back[4][0][0], 0);
    assert_int_equal(h5file_read_rows(file, "/x", H5FILE_U16, 999, 2, 15, back), ST_FAIL);
    expect_said("has no rows 999 to 1001");
    assert_int_equal(h5file_read_rows(file, "/x", H5FILE_U16, 0, 1, 14, back), ST_FAIL);
    expect_said("has rows of 15 elements and not 14");
    assert_int_equal(h5file_read(file, "/x", H5FILE_U16, 14999, back), ST_FAIL);
    expect_said("has 15000 elements and not 14999");
    h5file_close(file);
}

static void test_empty_and_scalar(void **state)
{
    (void)state;
    struct h5file *file = create("empty.h5");
    const size_t none[3] = {0, 28, 28};
    double value = 2.5, back = 0;
    assert_int_equal(h5file_write(file, "/none", H5FILE_U8, 3, none, NULL), ST_OK);
    assert_int_equal(h5file_write(file, "/one", H5FILE_F64, 0, NULL, &value), ST_OK);
    file = reopen(file);
    struct h5file_info info;
    assert_int_equal(h5file_info(file, "/none", &info), ST_OK);
    assert_int_equal(info.count, 0);
    assert_int_equal(info.dim[2], 28);
    assert_int_equal(h5file_read(file, "/none", H5FILE_U8, 0, NULL), ST_OK);
    assert_int_equal(h5file_info(file, "/one", &info), ST_OK);
    assert_int_equal(info.ndims, 0);
    assert_int_equal(info.count, 1);
    assert_int_equal(h5file_read(file, "/one", H5FILE_F64, 1, &back), ST_OK);
    assert_true(back == 2.5);
    h5file_close(file);
}

static void test_attributes(void **state)
{
    (void)state;
    struct h5file *file = create("attr.h5");
    char *names[] = {(char[]){"A"}, (char[]){"\xc3\xa9t\xc3\xa9"}, (char[]){""}};
    assert_int_equal(h5file_put_text(file, "/", "source", "two\nlines"), ST_OK);
    assert_int_equal(h5file_put_text(file, "/", "nothing", ""), ST_OK);
    assert_int_equal(h5file_put_texts(file, "/new/group", "classes", names, 3), ST_OK);
    assert_int_equal(h5file_put_f64(file, "/", "mean", 0.1), ST_OK);
    assert_int_equal(h5file_put_u64(file, "/", "big", UINT64_MAX), ST_OK);
    assert_int_equal(h5file_put_hash(file, "/", "hash", 0xfedcba9876543210u), ST_OK);
    file = reopen(file);
    char *text, **texts;
    int count;
    double real;
    uint64_t whole;
    assert_int_equal(h5file_get_text(file, "/", "source", &text), ST_OK);
    assert_string_equal(text, "two\nlines");
    free(text);
    assert_int_equal(h5file_get_text(file, "/", "nothing", &text), ST_OK);
    assert_string_equal(text, "");
    free(text);
    assert_int_equal(h5file_get_texts(file, "/new/group", "classes", &texts, &count),
                     ST_OK);
    assert_int_equal(count, 3);
    for (int i = 0; i < 3; i++)
        assert_string_equal(texts[i], names[i]);
    fs_free_list(texts, count);
    assert_int_equal(h5file_get_f64(file, "/", "mean", &real), ST_OK);
    assert_true(real == 0.1);
    assert_int_equal(h5file_get_u64(file, "/", "big", &whole), ST_OK);
    assert_true(whole == UINT64_MAX);
    assert_int_equal(h5file_get_f64(file, "/", "big", &real), ST_OK);
    assert_int_equal(h5file_get_hash(file, "/", "hash", &whole), ST_OK);
    assert_true(whole == 0xfedcba9876543210u);
    assert_int_equal(h5file_get_text(file, "/", "hash", &text), ST_OK);
    assert_string_equal(text, "fedcba9876543210");
    free(text);
    assert_true(h5file_has_attr(file, "/", "mean"));
    assert_false(h5file_has_attr(file, "/", "median"));
    h5file_close(file);
}

static void test_attribute_trouble(void **state)
{
    (void)state;
    struct h5file *file = create("attr2.h5");
    char *text;
    double real;
    uint64_t whole;
    assert_int_equal(h5file_put_text(file, "/", "source", "x"), ST_OK);
    assert_int_equal(h5file_put_f64(file, "/", "mean", 0.5), ST_OK);
    assert_int_equal(h5file_put_text(file, "/", "sign", "-123456789abcdef"), ST_OK);
    file = reopen(file);
    assert_int_equal(h5file_get_hash(file, "/", "sign", &whole), ST_FAIL);
    expect_said("is not a hash of 16 hex digits");
    assert_int_equal(h5file_get_text(file, "/", "origin", &text), ST_FAIL);
    expect_said("has no attribute 'origin' on '/'");
    assert_int_equal(h5file_get_text(file, "/", "mean", &text), ST_FAIL);
    expect_said("attribute 'mean' of");
    assert_int_equal(h5file_get_f64(file, "/", "source", &real), ST_FAIL);
    expect_said("is not a number");
    assert_int_equal(h5file_get_u64(file, "/", "mean", &whole), ST_FAIL);
    expect_said("is not a whole number");
    h5file_close(file);
}

/* Old HDF5 formats limit an attribute to 64 KB. */
static void test_long_text(void **state)
{
    (void)state;
    size_t length = 200000;
    char *text = malloc(length + 1), *back;
    for (size_t i = 0; i < length; i++)
        text[i] = (char)('a' + i % 26);
    text[length] = '\0';
    struct h5file *file = create("long.h5");
    assert_int_equal(h5file_put_text(file, "/", "config", text), ST_OK);
    file = reopen(file);
    assert_int_equal(h5file_get_text(file, "/", "config", &back), ST_OK);
    assert_string_equal(back, text);
    free(back);
    free(text);
    h5file_close(file);
}

static void test_groups(void **state)
{
    (void)state;
    const char *name[] = {"conv1", "linear1", "conv2", "bias"};
    struct h5file *file = create("members.h5");
    const size_t one = 1;
    for (int i = 0; i < 4; i++) {
        char path[64];
        snprintf(path, sizeof path, "/weights/%s/weight", name[i]);
        assert_int_equal(h5file_write(file, path, H5FILE_U8, 1, &one, "x"), ST_OK);
    }
    file = reopen(file);
    size_t count;
    assert_int_equal(h5file_count(file, "/weights", &count), ST_OK);
    assert_int_equal(count, 4);
    assert_int_equal(h5file_count(file, "/", &count), ST_OK);
    assert_int_equal(count, 1);
    assert_true(h5file_has(file, "/"));
    assert_true(h5file_has(file, "/weights/conv2"));
    assert_true(h5file_has(file, "/weights/conv2/weight"));
    assert_false(h5file_has(file, "/weights/conv9/weight"));
    assert_int_equal(h5file_count(file, "/biases", &count), ST_FAIL);
    expect_said("holds no group '/biases'");
    h5file_close(file);
}

static void test_array_trouble(void **state)
{
    (void)state;
    struct h5file *file = create("trouble.h5");
    struct h5file_info info;
    const size_t dim = 3;
    assert_int_equal(h5file_write(file, "/g/x", H5FILE_U8, 1, &dim, "abc"), ST_OK);
    assert_int_equal(h5file_write(file, "/g/x", H5FILE_U8, 1, &dim, "abc"), ST_FAIL);
    expect_said("cannot write '/g/x' into");
    file = reopen(file);
    assert_int_equal(h5file_info(file, "/g/y", &info), ST_FAIL);
    expect_said("holds no '/g/y'");
    assert_int_equal(h5file_info(file, "/g", &info), ST_FAIL);
    expect_said("is not an array");
    h5file_close(file);
}

static void test_files_that_cannot_be_opened(void **state)
{
    (void)state;
    struct h5file *file;
    assert_int_equal(h5file_open(&file, scratch_path("absent.h5")), ST_FAIL);
    expect_said("absent.h5': No such file or directory");
    assert_null(file);
    assert_int_equal(h5file_open(&file, scratch_folder), ST_FAIL);
    expect_said("it is a folder");
    assert_int_equal(h5file_open(&file, scratch_write("text.h5", "label,x\n", 8)),
                     ST_FAIL);
    expect_said("text.h5' is a text file, not an HDF5 file");
    assert_int_equal(h5file_open(&file, scratch_write("nil.h5", "", 0)), ST_FAIL);
    expect_said("nil.h5' is an empty file, not an HDF5 file");

    static uint8_t zeros[100000];
    const size_t dim = sizeof zeros;
    file = create("whole.h5");
    assert_int_equal(h5file_write(file, "/x", H5FILE_U8, 1, &dim, zeros), ST_OK);
    h5file_close(reopen(file));
    size_t bytes;
    char *all = scratch_read(scratch_path("whole.h5"), &bytes);
    const size_t cuts[] = {100, 2000, 50000, bytes - 1};
    for (int i = 0; i < 4; i++) {
        const char *cut = scratch_write("cut.h5", all, cuts[i]);
        assert_int_equal(h5file_open(&file, cut), ST_FAIL);
        expect_said("damaged or cut short");
    }
    free(all);
    assert_int_equal(h5file_create(&file, scratch_path("no/such/x.h5")), ST_FAIL);
    expect_said("x.h5': No such file or directory");
    assert_int_equal(h5file_create(&file, scratch_folder), ST_FAIL);
    expect_said("it is a folder");
}

/* Missing bytes are not read as zeros: a training run would take them for images. */
static void test_a_file_cut_while_it_is_open(void **state)
{
    (void)state;
    static uint8_t ones[100000], row[1000];
    const size_t dim[] = {100, 1000};
    memset(ones, 1, sizeof ones);
    struct h5file *file = create("shrinks.h5");
    assert_int_equal(h5file_write(file, "/x", H5FILE_U8, 2, dim, ones), ST_OK);
    file = reopen(file);
    assert_int_equal(h5file_read_rows(file, "/x", H5FILE_U8, 99, 1, 1000, row), ST_OK);
    assert_int_equal(truncate(scratch_path("shrinks.h5"), 50000), 0);
    assert_int_equal(h5file_read_rows(file, "/x", H5FILE_U8, 0, 1, 1000, row), ST_OK);
    assert_int_equal(h5file_read_rows(file, "/x", H5FILE_U8, 99, 1, 1000, row), ST_FAIL);
    expect_said("shrinks.h5': the file has become shorter");
    h5file_close(file);
}

static void test_nothing_appears_without_commit(void **state)
{
    (void)state;
    const size_t dim = 3;
    scratch_write("kept.h5", "before", 6);
    struct h5file *file = create("kept.h5");
    assert_int_equal(h5file_write(file, "/x", H5FILE_U8, 1, &dim, "abc"), ST_OK);
    assert_int_equal(scratch_count("kept.h5.tmp"), 1);
    h5file_close(file);
    assert_int_equal(scratch_count("kept.h5.tmp"), 0);
    size_t bytes;
    char *text = scratch_read(scratch_path("kept.h5"), &bytes);
    assert_string_equal(text, "before");
    free(text);
    file = create("kept.h5");
    assert_int_equal(h5file_write(file, "/x", H5FILE_U8, 1, &dim, "abc"), ST_OK);
    h5file_close(reopen(file));
    assert_int_equal(scratch_count("kept.h5"), 1);
}

static void test_same_content_same_bytes(void **state)
{
    (void)state;
    const char *name[] = {"one.h5", "two.h5"};
    char *text[2];
    size_t bytes[2];
    for (int i = 0; i < 2; i++) {
        struct h5file *file = create(name[i]);
        const size_t dim = 3;
        assert_int_equal(h5file_write(file, "/g/x", H5FILE_U8, 1, &dim, "abc"), ST_OK);
        assert_int_equal(h5file_put_text(file, "/", "source", "s"), ST_OK);
        h5file_close(reopen(file));
        text[i] = scratch_read(scratch_path(name[i]), &bytes[i]);
        if (i == 0)
            sleep(1); /* a time stamp would differ */
    }
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(text[0], text[1], bytes[0]);
    free(text[0]);
    free(text[1]);
}

static void limit_file_size(rlim_t bytes)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = bytes;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A limit on the size of files simulates a full disk: writing stops in the middle. */
static void test_no_room(void **state)
{
    (void)state;
    static uint8_t data[4000000];
    const size_t big = sizeof data;
    scratch_write("full.h5", "before", 6);
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);

    limit_file_size(100000);
    struct h5file *file = create("full.h5");
    assert_int_equal(h5file_write(file, "/big", H5FILE_U8, 1, &big, data), ST_FAIL);
    expect_said("full.h5': File too large");
    h5file_close(file);

    memset(data, 'x', 60000); /* HDF5 keeps short attributes in memory until the end */
    file = create("full.h5");
    assert_int_equal(h5file_put_text(file, "/g", "note", (char *)data), ST_OK);
    assert_int_equal(h5file_put_text(file, "/h", "note", (char *)data), ST_OK);
    assert_int_equal(h5file_commit(file), ST_FAIL);
    h5file_close(file);
    limit_file_size(limit.rlim_cur);
    expect_said("full.h5': File too large");
    assert_int_equal(scratch_count("full.h5.tmp"), 0);
    size_t bytes;
    char *text = scratch_read(scratch_path("full.h5"), &bytes);
    assert_string_equal(text, "before");
    free(text);
    file = create("full.h5"); /* there is room again, and HDF5 still works */
    assert_int_equal(h5file_write(file, "/big", H5FILE_U8, 1, &big, data), ST_OK);
    h5file_close(reopen(file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrays_of_every_type),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_empty_and_scalar),
        cmocka_unit_test(test_attributes),
        cmocka_unit_test(test_attribute_trouble),
        cmocka_unit_test(test_long_text),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_array_trouble),
        cmocka_unit_test(test_files_that_cannot_be_opened),
        cmocka_unit_test(test_a_file_cut_while_it_is_open),
        cmocka_unit_test(test_nothing_appears_without_commit),
        cmocka_unit_test(test_same_content_same_bytes),
        cmocka_unit_test(test_no_room),
    };
    signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
