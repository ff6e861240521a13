#include "../scratch.h"

#include "io/kind.h"

static const char *write_bytes(const char *bytes, size_t length)
{
    return scratch_write("some.dat", bytes, length);
}

static void expect_kind(const char *bytes, size_t length, enum kind_class class,
                        const char *words)
{
    struct kind kind = kind_of_bytes((const uint8_t *)bytes, length), same;
    assert_int_equal(kind.class, class);
    assert_string_equal(kind.words, words);
    assert_int_equal(kind_of_file(write_bytes(bytes, length), &same), ST_OK);
    assert_int_equal(same.class, class);
    assert_string_equal(same.words, words);
}

static void test_kinds_by_content(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t length;
        enum kind_class class;
        const char *words;
    } cases[] = {
        {"", 0, KIND_EMPTY, "an empty file"},
        {"\x89PNG\r\n\x1a\n", 8, KIND_IMAGE, "a PNG image"},
        {"\xff\xd8\xff\xe0", 4, KIND_IMAGE, "a JPEG image"},
        {"GIF89a", 6, KIND_IMAGE, "a GIF image"},
        {"PK\3\4 and more", 13, KIND_ZIP, "a zip archive"},
        {"\037\213\10", 3, KIND_PACKED, "a gzip-compressed file"},
        {"\x89HDF\r\n\x1a\n", 8, KIND_HDF5, "an HDF5 file"},
        {"\0\0\10\3\0\0\0\1", 8, KIND_IDX, "an IDX file"},
        {"\0\0\10\1\0\0\0\1", 8, KIND_IDX, "an IDX file of labels"},
        {"\x93NUMPY\1\0", 8, KIND_KNOWN, "a NumPy array"},
        {"\x80\4\x95", 3, KIND_PICKLE, "a Python pickle"},
        {"\x80\2\x8a\nl\xfc\x9c"
         "F\xf9 j\xa8P\x19.",
         15, KIND_PICKLE, "a pickle of PyTorch"},
        {"\x80\2\0\0\0\0\0\0{\"a", 11, KIND_SAFETENSORS, "a safetensors file"},
        {"\2\0\0\0\0\0\0\0{}", 10, KIND_SAFETENSORS, "a safetensors file"},
        {"\2\0\0\0\0\1\0\0{}", 10, KIND_OTHER, "of no kind that lockstep knows"},
        {"\2\0\0\0\0\0\0\0{", 9, KIND_OTHER, "of no kind that lockstep knows"},
        {"\xff\xfe"
         "1\0,\0",
         6, KIND_UTF16, "a text file in UTF-16"},
        {"1\0,\0", 4, KIND_UTF16, "a text file in UTF-16 without its mark"},
        {"\0001\0,", 4, KIND_UTF16, "a text file in UTF-16 without its mark"},
        {"1\0\0\0,\0\0\0", 8, KIND_UTF16, "a text file in UTF-32 without its mark"},
        {"\0\0\0001\0\0\0,", 8, KIND_UTF16, "a text file in UTF-32 without its mark"},
        {"1\0\0,\0\0", 6, KIND_OTHER, "of no kind that lockstep knows"},
        {"caf\xc3\xa9,1\n", 8, KIND_TEXT, "a text file"},
        {"# mine\n\n [model]\nx = 1\n", 23, KIND_TEXT, "a config"},
        {"[1, 2\n", 6, KIND_TEXT, "a text file"},
        {"\10\7\22\10lockstep\32\0050.1.0", 19, KIND_KNOWN, "an ONNX model"},
        {"\10\7\22\7pytorch\32", 12, KIND_KNOWN, "an ONNX model"},
        {"\10\7\22\7pyt\1rch\32", 12, KIND_OTHER, "of no kind that lockstep knows"},
        {"\10\7\22\7pytorch", 11, KIND_OTHER, "of no kind that lockstep knows"},
        {"\1\2\3\4", 4, KIND_OTHER, "of no kind that lockstep knows"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_kind(cases[i].bytes, cases[i].length, cases[i].class, cases[i].words);
}

static void test_containers(void **state)
{
    (void)state;
    char zip[64] = "PK\3\4", tar[512] = "cat/1.png";
    zip[26] = 5;
    memcpy(zip + 30, "x.npy", 5);
    expect_kind(zip, sizeof zip, KIND_NPZ, "a NumPy archive (.npz)");
    zip[26] = 19;
    memcpy(zip + 30, "[Content_Types].xml", 19);
    expect_kind(zip, sizeof zip, KIND_KNOWN, "an Office document (.xlsx or the like)");
    zip[26] = 16;
    memcpy(zip + 30, "archive/data.pkl", 16);
    expect_kind(zip, sizeof zip, KIND_PICKLE, "a pickle of PyTorch");
    zip[27] = 100; /* a name longer than the file */
    expect_kind(zip, sizeof zip, KIND_ZIP, "a zip archive");
    memcpy(tar + 257, "ustar", 5);
    expect_kind(tar, sizeof tar, KIND_ARCHIVE, "a tar archive");
    strcpy(tar, "sys_info");
    expect_kind(tar, sizeof tar, KIND_PICKLE, "a pickle of PyTorch");
}

static void test_paths(void **state)
{
    (void)state;
    struct kind kind;
    assert_int_equal(kind_of_file(scratch_folder, &kind), ST_OK);
    assert_int_equal(kind.class, KIND_FOLDER);
    assert_int_equal(kind_of_file("/dev/null", &kind), ST_OK);
    assert_int_equal(kind.class, KIND_SPECIAL);
    assert_int_equal(kind_of_file(scratch_path("none"), &kind), ST_FAIL);
    expect_said("none': No such file or directory");
}

static void test_refusal(void **state)
{
    (void)state;
    assert_int_equal(kind_refuse(write_bytes("PK\3\4", 4), "a data set"), ST_FAIL);
    expect_said("some.dat' is a zip archive, not a data set: unpack it first");
    assert_int_equal(kind_refuse(write_bytes("hello", 5), "an image"), ST_FAIL);
    expect_said("some.dat' is a text file, not an image");
    /* the signature alone is no HDF5 file */
    assert_int_equal(kind_refuse(write_bytes("\x89HDF\r\n\x1a\n", 8), "an image"),
                     ST_FAIL);
    expect_said("some.dat' is a damaged HDF5 file, not an image");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds_by_content),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_refusal),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
