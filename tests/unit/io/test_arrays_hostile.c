/* Named arrays: hostile safetensors files, and files of other kinds. */
#include "arrays_file.h"

#define ENTRY(name, type, shape, range) \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" range "}"

static void test_hostile_headers(void **state)
{
    (void)state;
    static const char damaged[] = "has no dtype, shape or data_offsets as";
    static const char name[] =
        "has a name that is empty, longer than 255 bytes, not UTF-8";
    static const struct {
        const char *header;
        const char *message;
    } cases[] = {
        {"{\"a\":}", "its header is not JSON (near byte 6 of it)"},
        {"{\"a\":{}", "its header is not JSON"},
        {"{} {}", "its header is not JSON"},
        {"{\"\xff\":{}}", "its header is not JSON"},
        {"{\"a\\u0000\":{}}", "its header is not JSON"},
        {"{\"a\":1e999}", "its header is not JSON"},
        {"{\"a\":{},\"a\":{}}", "its header has a key twice"},
        {"{\"a\":{}}", damaged},
        {"{\"a\":[]}", damaged},
        {"{\"a\":null}", damaged},
        {"{" ENTRY("a", "F32", "[1,-1]", "[0,4]") "}", damaged},
        {"{" ENTRY("a", "F32", "[1.0]", "[0,4]") "}", damaged},
        {"{" ENTRY("a", "F32", "[[1]]", "[0,4]") "}", damaged},
        {"{" ENTRY("a", "F32", "{}", "[0,4]") "}", damaged},
        {"{" ENTRY("a", "F32", "[1]", "[4]") "}", damaged},
        {"{" ENTRY("a", "F32", "[1]", "[0,4,4]") "}", damaged},
        {"{" ENTRY("a", "F32", "[1]", "[-4,0]") "}", damaged},
        {"{" ENTRY("a", "F\\n32", "[1]", "[0,4]") "}", damaged},
        {"{\"a\":{\"dtype\":4,\"shape\":[1],\"data_offsets\":[0,4]}}", damaged},
        {"{" ENTRY("a", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") "}", "array 'a' of '"},
        {"{" ENTRY("a", "F32", "[4294967296,4294967296]", "[0,4]") "}",
         "is impossibly large"},
        {"{" ENTRY("a", "F64", "[4611686018427387904]", "[0,0]") "}",
         "array 'a' has 4611686018427387904 numbers of type F64, and 0 bytes"},
        {"{" ENTRY("a", "F32", "[18446744073709551616]", "[0,4]") "}", "is not JSON"},
        {"{" ENTRY("a", "F32", "[1]", "[8,4]") "}",
         "array 'a' is bytes 8 to 4 of its 16 bytes of data"},
        {"{" ENTRY("a", "F32", "[1]", "[13,17]") "}",
         "is damaged or cut short: array 'a' is bytes 13 to 17 of its 16 bytes"},
        {"{" ENTRY("a", "I64", "[1]", "[0,9223372036854775807]") "}",
         "is damaged or cut short: array 'a' is bytes 0 to 9223372036854775807"},
        {"{" ENTRY("a", "F32", "[2]", "[0,4]") "}",
         "array 'a' has 2 numbers of type F32, and 4 bytes"},
        {"{" ENTRY("a", "F32", "[]", "[0,0]") "}", "has 1 numbers of type F32"},
        {"{" ENTRY("a", "F32", "[2]", "[0,8]") "," ENTRY("b", "I8", "[9]", "[7,16]") "}",
         "arrays 'a' and 'b' of '"},
        {"{" ENTRY("b", "F32", "[2]", "[4,12]") "," ENTRY("a", "F32", "[2]",
                                                          "[4,12]") "}",
         "overlap"},
        {"{" ENTRY("", "F32", "[1]", "[0,4]") "}", name},
        {"{" ENTRY("a\\u0007", "F32", "[1]", "[0,4]") "}", name},
        {"{" ENTRY("a\\u009bm", "F32", "[1]", "[0,4]") "}", name},
        {"{" ENTRY("a\\u007f", "F32", "[1]", "[0,4]") "}", name},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_refused(make_header(cases[i].header, 16), cases[i].message);
}

static void test_long_names(void **state)
{
    (void)state;
    char name[ARRAYS_NAME + 1] = "", header[1000];
    for (int length = ARRAYS_NAME - 1; length <= ARRAYS_NAME; length++) {
        memset(name, 'n', (size_t)length);
        snprintf(header, sizeof header,
                 "{\"%s\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
                 name);
        if (length == ARRAYS_NAME)
            expect_refused(make_header(header, 4), "longer than 255 bytes");
        else
            arrays_close(open_arrays(make_header(header, 4)));
    }
}

static void test_hostile_lengths(void **state)
{
    (void)state;
    const char *path = make_header("{\"a\":{}}", 0);
    static const struct {
        uint8_t prefix[8];
        const char *message;
    } cases[] = {
        {{9}, "is cut short: its header has 9 bytes, and the file 16 in all"},
        {{0, 0, 0x40, 6}, "is cut short: its header has 104857600 bytes"},
        {{1, 0, 0x40, 6},
         "its header has 104857601 bytes; at most 104857600 are possible"},
        {{0, 0, 0, 0, 255}, "at most 104857600 are possible"},
        {{0, 0, 0, 0, 0, 1}, "is not a file of named arrays (safetensors, .npz or HDF5)"},
        {{255, 255, 255, 255, 255, 255, 255, 255}, "is not a file of named arrays"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FILE *file = fopen(path, "r+b");
        assert_non_null(file);
        assert_int_equal(fwrite(cases[i].prefix, 1, 8, file), 8);
        assert_int_equal(fclose(file), 0);
        expect_refused(path, cases[i].message);
    }
}

/* `begin`, then `part` many times. */
static char *repeated(const char *begin, const char *part, size_t times)
{
    size_t head = strlen(begin), length = strlen(part);
    char *text = malloc(head + times * length + 1);
    assert_non_null(text);
    memcpy(text, begin, head);
    for (size_t i = 0; i < times; i++)
        memcpy(text + head + i * length, part, length);
    text[head + times * length] = '\0';
    return text;
}

/* Texts of a few megabytes that would take gigabytes as values of JSON. */
static void test_bombs(void **state)
{
    (void)state;
    static const struct {
        const char *part;
        size_t times;
        const char *message;
    } cases[] = {
        {"[", 3000, "its header is not JSON"},
        {"[", 300000, "holds more than 100000 arrays"},
        {"{},", 200000, "holds more than 100000 arrays"},
        {"0,", 1500000, "holds more than 100000 arrays"},
        {"\"\\\",[{\",", 300000, "its header is not JSON"}, /* inside strings */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *header = repeated("{\"a\":[", cases[i].part, cases[i].times);
        expect_refused(make_header(header, 0), cases[i].message);
        free(header);
    }
}

static void test_becomes_shorter(void **state)
{
    (void)state;
    float values[4];
    const char *path = make_header("{" ENTRY("a", "F32", "[4]", "[0,16]") "}", 16);
    struct arrays *file = open_arrays(path);
    assert_int_equal(truncate(path, (off_t)fs_bytes(path) - 1), 0);
    assert_int_equal(arrays_read(file, 0, values), ST_FAIL);
    expect_said("the file has become shorter");
    arrays_close(file);
    expect_refused(path, "is damaged or cut short: array 'a' is bytes 0 to 16 of its 15");
}

/* --- other kinds of files --- */

static void test_pickles(void **state)
{
    (void)state;
    char zip[64] = "PK\3\4", tar[512] = "sys_info", path[FS_PATH];
    zip[26] = 16;
    memcpy(zip + 30, "archive/data.pkl", 16);
    memcpy(tar + 257, "ustar", 5);
    const struct {
        const char *bytes;
        size_t length;
    } cases[] = {
        {"\x80\2}q", 4},
        {"\x80\5\x95", 3},
        {"\x80\2\x8a\nl\xfc\x9c"
         "F\xf9 j\xa8P\x19.",
         15},
        {zip, sizeof zip},
        {tar, sizeof tar},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        snprintf(path, sizeof path, "%s",
                 scratch_write("a b.pt", cases[i].bytes, cases[i].length));
        struct arrays *file;
        char expected[3 * FS_PATH];
        snprintf(
            expected, sizeof expected,
            "'%s' is a pickle, which can run any program when it is read: convert it "
            "where PyTorch is: python3 scripts/torch_to_safetensors.py '%s' "
            "OUT.safetensors",
            path, path);
        assert_int_equal(arrays_open(&file, path), ST_FAIL);
        expect_said(expected);
    }
}

static void test_other_kinds(void **state)
{
    (void)state;
    expect_refused(scratch_folder,
                   "is a folder, not a file of named arrays (safetensors,");
    expect_refused(scratch_path("none"), "none': No such file or directory");
    expect_refused(scratch_write("x", "", 0), "is an empty file, not a file of named");
    expect_refused(scratch_write("x", "\xff\xd8\xff\xe0", 4),
                   "is a JPEG image, not a file");
    expect_refused(scratch_write("x", "\x93NUMPY\1", 7),
                   "is a NumPy array, not a file of");
    expect_refused(scratch_write("x", "{\"a\": 1}", 8), "is a text file, not a file of");
    expect_refused(scratch_write("x", "PAR1", 4), "npz or HDF5)\n");
    expect_refused(scratch_write("x", "7z\274\257\047\034", 6), "HDF5): unpack it first");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_headers), cmocka_unit_test(test_long_names),
        cmocka_unit_test(test_hostile_lengths), cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_becomes_shorter), cmocka_unit_test(test_pickles),
        cmocka_unit_test(test_other_kinds),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
