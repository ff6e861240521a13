/* Named arrays: .npz. The archives are libzip's, the .npy files in them made here. */
#include "arrays_file.h"

#include <zip.h>

struct member {
    const char *name;
    uint8_t *data; /* of malloc */
    size_t bytes;
    int method;
};

static const char *make(const char *name, const struct member *member, int members)
{
    const char *path = scratch_path(name);
    unlink(path);
    zip_t *zip = zip_open(path, ZIP_CREATE, NULL);
    assert_non_null(zip);
    for (int i = 0; i < members; i++) {
        zip_source_t *source = zip_source_buffer(zip, member[i].data, member[i].bytes, 1);
        assert_non_null(source);
        zip_int64_t at = zip_file_add(zip, member[i].name, source, ZIP_FL_ENC_UTF_8);
        assert_int_equal(at, i);
        assert_int_equal(
            zip_set_file_compression(zip, (zip_uint64_t)i, member[i].method, 9), 0);
    }
    assert_int_equal(zip_close(zip), 0);
    return path;
}

/* A .npy file with this text as its header. */
static struct member npy(const char *name, int version, const char *text,
                         const void *values, size_t bytes)
{
    size_t length = strlen(text), begin = version == 1 ? 10 : 12;
    struct member member = {name, calloc(1, begin + length + bytes + 1),
                            begin + length + bytes, ZIP_CM_STORE};
    assert_non_null(member.data);
    memcpy(member.data, "\x93NUMPY", 6);
    member.data[6] = (uint8_t)version;
    member.data[8] = (uint8_t)length;
    member.data[9] = (uint8_t)(length >> 8);
    memcpy(member.data + begin, text, length);
    if (values)
        memcpy(member.data + begin + length, values, bytes);
    return member;
}

#define HEAD(type, order, shape) \
    "{'descr': '" type "', 'fortran_order': " order ", 'shape': " shape ", }   \n"

static const float some[6] = {0, 1, 2, 3, -4, 5.5f};

static void test_types(void **state)
{
    (void)state;
    static const double wide[] = {0.5, 1e300};
    static const uint16_t half[] = {0x3c00, 0x0001};
    static const uint8_t big4[] = {0x3f, 0x80, 0, 0, 0xc0, 0, 0, 0};
    static const uint8_t big8[] = {0x3f, 0xf8, 0, 0, 0, 0, 0, 0};
    static const uint8_t big2[] = {0xbc, 0x00};
    struct member member[] = {
        npy("a.npy", 1, HEAD("<f4", "False", "(2, 3)"), some, sizeof some),
        npy("wide.npy", 2, HEAD("<f8", "False", "(2,)"), wide, sizeof wide),
        npy("half.npy", 3, HEAD("<f2", "False", "(1, 2L)"), half, sizeof half),
        npy("b/4.npy", 1, HEAD(">f4", "False", "(2,)"), big4, sizeof big4),
        npy("b/8.npy", 1, HEAD(">f8", "False", "()"), big8, sizeof big8),
        npy("b/2.npy", 1, HEAD(">f2", "False", "(1,)"), big2, sizeof big2),
        npy("int.npy", 1, HEAD("<i8", "False", "(2,)"), wide, sizeof wide),
        npy("bool.npy", 1, HEAD("|b1", "False", "(3,)"), wide, 3),
        npy("none.npy", 1, HEAD("<f4", "True", "(0, 4)"), NULL, 0),
        npy("b.npy.txt", 1, "more", NULL, 0),
        npy("old.npy", 1,
            "{\"shape\":(2,3),\"fortran_order\":False , \"descr\":\"<f4\"}\n", some,
            sizeof some),
    };
    float value;
    struct arrays *file = open_arrays(make("types.npz", member, 11));
    assert_string_equal(arrays_format(file), "npz");
    assert_int_equal(arrays_count(file), 10);
    expect_array(file, 0, "a", ARRAY_F32, (int[]){2, 3, -1});
    expect_array(file, 1, "wide", ARRAY_F64, (int[]){2, -1});
    expect_array(file, 2, "half", ARRAY_F16, (int[]){1, 2, -1});
    expect_array(file, 4, "b/8", ARRAY_F64, (int[]){-1});
    expect_array(file, 6, "int", ARRAY_OTHER, (int[]){2, -1});
    expect_array(file, 7, "bool", ARRAY_OTHER, (int[]){3, -1});
    expect_array(file, 8, "none", ARRAY_F32, (int[]){0, 4, -1});
    expect_values(file, 9, some, 6);
    expect_values(file, 0, some, 6);
    expect_values(file, 1, (const float[]){0.5f, 1.0f / 0.0f}, 2);
    expect_values(file, 2, (const float[]){1, 0x1p-24f}, 2);
    expect_values(file, 3, (const float[]){1, -2}, 2);
    expect_values(file, 4, (const float[]){1.5f}, 1);
    expect_values(file, 5, (const float[]){-1}, 1);
    expect_values(file, 8, NULL, 0);
    assert_int_equal(arrays_read(file, 6, &value), ST_FAIL);
    expect_said("has the type <i8; floats of 16, 32 and 64 bits can be read");
    assert_int_equal(arrays_read(file, 7, &value), ST_FAIL);
    expect_said("array 'bool' of ");
    arrays_close(file);
}

/* (3, 700, 5), first index fastest: more numbers than are converted at a time, and more
   bytes than are read at a time when they are doubles. */
static void test_fortran_order(void **state)
{
    (void)state;
    enum { A = 3, B = 700, C = 5 };
    static double stored[C][B][A];
    static float expected[A][B][C];
    for (int a = 0; a < A; a++)
        for (int b = 0; b < B; b++)
            for (int c = 0; c < C; c++) {
                stored[c][b][a] = 10000 * a + 10 * b + c;
                expected[a][b][c] = (float)stored[c][b][a];
            }
    struct member member[] = {
        npy("f.npy", 1, HEAD("<f8", "True", "(3, 700, 5)"), stored, sizeof stored),
        npy("p.npy", 1, HEAD("<f8", "True", "(3, 700, 5)"), stored, sizeof stored),
        npy("v.npy", 1, HEAD("<f4", "True", "(6,)"), some, sizeof some),
        npy("s.npy", 1, HEAD("<f4", "True", "()"), some + 5, sizeof *some),
    };
    member[1].method = ZIP_CM_DEFLATE;
    const char *path = make("fortran.npz", member, 4);
    assert_true(fs_bytes(path) < 2 * sizeof stored); /* something was deflated */
    struct arrays *file = open_arrays(path);
    expect_array(file, 0, "f", ARRAY_F64, (int[]){3, 700, 5, -1});
    expect_values(file, 0, &expected[0][0][0], A * B * C);
    expect_values(file, 1, &expected[0][0][0], A * B * C);
    expect_values(file, 2, some, 6);
    expect_values(file, 3, some + 5, 1);
    arrays_close(file);
}

static void expect_head_refused(const char *text, const char *message)
{
    struct member member = npy("a.npy", 1, text, some, sizeof some);
    expect_refused(make("head.npz", &member, 1), message);
}

static void test_hostile_headers(void **state)
{
    (void)state;
    static const char damaged[] = "array 'a' of '",
                      pickle[] = "a pickle, which can run any";
    static const struct {
        const char *text, *message;
    } cases[] = {
        {HEAD("|O", "False", "(6,)"), pickle},
        {HEAD("|O8", "False", "(6,)"), pickle},
        {"{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (6,)}\n",
         "has numbers with names in it (a structured type)"},
        {HEAD("<f4", "False", "(6)"), "has a header that NumPy does not write"},
        {HEAD("<f4", "False", "6"), damaged},
        {HEAD("<f4", "False", "(6 6)"), damaged},
        {HEAD("<f4", "False", "(6,"), damaged},
        {HEAD("<f4", "False", "(-6,)"), damaged},
        {HEAD("<f4", "False", "(6.0,)"), damaged},
        {HEAD("<f4", "False", "(,)"), damaged},
        {HEAD("<f4", "False", "(6,,)"), damaged},
        {HEAD("<f4", "0", "(6,)"), damaged},
        {HEAD("", "False", "(6,)"), damaged},
        {HEAD("<", "False", "(6,)"), damaged},
        {HEAD("f4", "False", "(6,)"), damaged},
        {HEAD("<f\n4", "False", "(6,)"), damaged},
        {HEAD("<\\x66", "False", "(6,)"), damaged},
        {HEAD("<f4444444444444444444444444", "False", "(6,)"), damaged},
        {"{'descr': ('<f4', (2,)), 'fortran_order': False, 'shape': (3,)}\n", damaged},
        {"", damaged},
        {"{", damaged},
        {"{}\n", damaged},
        {"{'descr': '<f4', 'fortran_order': False}\n", damaged},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,), 'x': 1}\n", damaged},
        {"{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (6,)}\n",
         damaged},
        {"{'descr': '<f4' 'fortran_order': False, 'shape': (6,)}\n", damaged},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,)} + 1\n", damaged},
        {"{'descr: '<f4', 'fortran_order': False, 'shape': (6,)}\n", damaged},
        {"{'descr': '<f4', 'fortran_order': False, 'shape': (6,", damaged},
        {HEAD("<f4", "False", "(1, 1, 1, 1, 1, 1, 1, 1, 6)"),
         "has more than 8 dimensions"},
        {HEAD("<f4", "False", "(18446744073709551616,)"), "is impossibly large"},
        {HEAD("<f4", "False", "(4294967296, 4294967296)"), "is impossibly large"},
        {HEAD("<f8", "False", "(4611686018427387904,)"),
         "array 'a' has 4611686018427387904 numbers of type <f8, and "},
        {HEAD("<f4", "False", "(7,)"), "array 'a' has 7 numbers of type <f4, and "},
        {HEAD("<f4", "False", "(5,)"), "array 'a' has 5 numbers of type <f4, and "},
        {HEAD("<f4", "False", "()"), "array 'a' has 1 numbers of type <f4, and "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_head_refused(cases[i].text, cases[i].message);
}

static void expect_patched(int at, uint8_t byte, const char *message)
{
    struct member member =
        npy("a.npy", 1, HEAD("<f4", "False", "(6,)"), some, sizeof some);
    member.data[at] = byte;
    expect_refused(make("head.npz", &member, 1), message);
}

static void test_hostile_beginnings(void **state)
{
    (void)state;
    expect_patched(1, 'M', "does not begin as a .npy file");
    expect_patched(6, 4, "other than 1.0, 2.0 and 3.0");
    expect_patched(6, 0, "other than 1.0, 2.0 and 3.0");
    expect_patched(7, 1, "other than 1.0, 2.0 and 3.0");
    expect_patched(9, 0xff, "has a header of more than 10000 bytes");
    expect_patched(9, 0x20, "is damaged or cut short"); /* goes on behind the file */
    struct member member = npy("a.npy", 1, "", NULL, 0);
    expect_refused(make("head.npz", &member, 1), "is damaged or cut short");
}

static void test_names(void **state)
{
    (void)state;
    char name[ARRAYS_NAME + 8];
    const char *head = HEAD("<f4", "False", "(6,)");
    snprintf(name, sizeof name, "%0*d.npy", ARRAYS_NAME, 1);
    const char *bad[] = {name, ".npy/.npy", "a\n.npy", "\xc2\x9b.npy"};
    for (int i = 0; i < 4; i++) {
        struct member member = npy(bad[i], 1, head, some, sizeof some);
        const char *path = make("names.npz", &member, 1);
        if (i == 1)
            arrays_close(open_arrays(path)); /* odd, but a name */
        else
            expect_refused(path, "an array of '");
    }
    struct member only = npy(".npy", 1, head, some, sizeof some);
    expect_refused(make("names.npz", &only, 1),
                   "is a zip archive, not a file of named arrays");
}

/* --- the archive itself --- */

/* Bytes of an archive, to be changed. */
static uint8_t *archive(int method, size_t *bytes)
{
    struct member member[] = {
        npy("a.npy", 1, HEAD("<f4", "False", "(6,)"), some, sizeof some),
        npy("b.npy", 1, HEAD("<f4", "False", "(6,)"), some, sizeof some)};
    member[0].method = member[1].method = method;
    return scratch_read(make("archive.npz", member, 2), bytes);
}

/* The n-th place of a signature. */
static uint8_t *find(uint8_t *data, size_t bytes, const char *signature, int n)
{
    uint8_t *at = data;
    for (int i = 0; i <= n; i++) {
        at = memmem(at + (i > 0), bytes - (size_t)(at - data) - (i > 0), signature, 4);
        assert_non_null(at);
    }
    return at;
}

static void put(uint8_t *at, uint64_t number, int size)
{
    for (int i = 0; i < size; i++)
        at[i] = (uint8_t)(number >> 8 * i);
}

static const char *changed(uint8_t *data, size_t bytes)
{
    const char *path = scratch_write("changed.npz", data, bytes);
    free(data);
    return path;
}

static void test_hostile_archives(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = archive(ZIP_CM_STORE, &bytes);
    find(data, bytes, "PK\1\2", 1)[8] |= 1;
    find(data, bytes, "PK\3\4", 1)[6] |= 1;
    expect_refused(changed(data, bytes), "array 'b' of '");
    data = archive(ZIP_CM_STORE, &bytes);
    find(data, bytes, "PK\1\2", 0)[10] = ZIP_CM_BZIP2;
    find(data, bytes, "PK\3\4", 0)[8] = ZIP_CM_BZIP2;
    expect_refused(changed(data, bytes), "is compressed in another way than deflate");
    data = archive(ZIP_CM_STORE, &bytes);
    put(find(data, bytes, "PK\1\2", 1) + 20, bytes, 4);
    put(find(data, bytes, "PK\1\2", 1) + 24, bytes, 4);
    expect_refused(changed(data, bytes), "has more bytes than the archive, or lies over");
    data = archive(ZIP_CM_STORE, &bytes);
    put(find(data, bytes, "PK\1\2", 1) + 24, 1000, 4);
    expect_refused(changed(data, bytes), "array 'b' of '");
    data = archive(ZIP_CM_DEFLATE, &bytes);
    put(find(data, bytes, "PK\1\2", 0) + 24, 0xfffffff0, 4);
    expect_refused(changed(data, bytes), "would unpack to more than a thousand times");
    data = archive(ZIP_CM_STORE, &bytes);
    find(data, bytes, "PK\1\2", 1)[46] = 'a';
    expect_refused(changed(data, bytes), "holds two arrays with the name 'a'");
    data = archive(ZIP_CM_STORE, &bytes);
    expect_refused(changed(data, bytes - 30), "is a damaged zip archive, or cut short: ");
}

/* A record of zip64 may announce any number of entries. */
static void test_hostile_directories(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = archive(ZIP_CM_STORE, &bytes);
    size_t end = (size_t)(find(data, bytes, "PK\5\6", 0) - data);
    uint8_t *more = calloc(1, bytes + 76);
    assert_non_null(more);
    memcpy(more, data, end);
    memcpy(more + end + 76, data + end, bytes - end);
    uint8_t *record = more + end, *locator = record + 56;
    memcpy(record, "PK\6\6", 4);
    put(record + 4, 44, 8);
    put(record + 24, (uint64_t)1 << 40, 8);
    put(record + 32, (uint64_t)1 << 40, 8);
    memcpy(record + 40, record + 76 + 12, 4);
    memcpy(record + 48, record + 76 + 16, 4);
    memcpy(locator, "PK\6\7", 4);
    put(locator + 8, end, 8);
    put(locator + 16, 1, 4);
    uint8_t *good = malloc(bytes + 76);
    assert_non_null(good);
    memcpy(good, more, bytes + 76);
    expect_refused(changed(more, bytes + 76), "has a directory of more than 1 MB, or a");
    put(good + end + 24, 2, 8);
    put(good + end + 32, 2, 8);
    arrays_close(open_arrays(changed(good, bytes + 76)));
    free(data);
}

static void test_many_entries(void **state)
{
    (void)state;
    enum { MANY = 21000 };
    static struct member member[MANY];
    static char name[MANY][16];
    for (int i = 0; i < MANY; i++) {
        snprintf(name[i], sizeof name[i], "%d.npy", i);
        member[i] = npy(name[i], 1, "", NULL, 0);
    }
    expect_refused(make("many.npz", member, MANY), "has a directory of more than 1 MB");
}

/* The checksum is compared when the numbers are read. */
static void test_damaged_numbers(void **state)
{
    (void)state;
    float values[6];
    for (int method = 0; method < 2; method++) {
        size_t bytes;
        uint8_t *data = archive(method ? ZIP_CM_DEFLATE : ZIP_CM_STORE, &bytes);
        uint8_t *sum = find(data, bytes, "PK\1\2", 1) + 16;
        sum[0] ^= 1;
        struct arrays *file = open_arrays(changed(data, bytes));
        expect_values(file, 0, some, 6);
        assert_int_equal(arrays_read(file, 1, values), ST_FAIL);
        expect_said("array 'b' of '");
        arrays_close(file);
    }
}

static void test_other_archives(void **state)
{
    (void)state;
    struct member text = npy("a.txt", 1, "", NULL, 0);
    expect_refused(make("other.zip", &text, 1), "is a zip archive, not a file of named");
    struct member late[] = {
        npy("a.txt", 1, "", NULL, 0),
        npy("b.npy", 1, HEAD("<f4", "False", "(6,)"), some, sizeof some)};
    struct arrays *file = open_arrays(make("late.zip", late, 2));
    assert_int_equal(arrays_count(file), 1);
    expect_values(file, arrays_find(file, "b"), some, 6);
    arrays_close(file);
    struct member script[] = {npy("m/data/0", 1, "", NULL, 0),
                              npy("m/data.pkl", 1, "", NULL, 0)};
    expect_refused(make("script.pt", script, 2),
                   "is a pickle, which can run any program");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_fortran_order),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_hostile_beginnings),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_hostile_archives),
        cmocka_unit_test(test_hostile_directories),
        cmocka_unit_test(test_many_entries),
        cmocka_unit_test(test_damaged_numbers),
        cmocka_unit_test(test_other_archives),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
