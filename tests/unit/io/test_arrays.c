/* Named arrays: safetensors files, written and read. */
#include "arrays_file.h"

#include <math.h>

/* A safetensors file with this header and these data. */
static const char *make_with(const char *header, const void *values, size_t bytes)
{
    const char *path = make_header(header, 0);
    FILE *file = fopen(path, "ab");
    assert_non_null(file);
    assert_int_equal(fwrite(values, 1, bytes, file), bytes);
    assert_int_equal(fclose(file), 0);
    return path;
}

/* --- what is written --- */

static const uint32_t written_bits[] = {
    0,          0x80000000, 0x00000001, 0x807fffff, 0x00800000, 0x3f800000, 0xbf800001,
    0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00123, 0x40490fdb,
};
#define WRITTEN (sizeof written_bits / sizeof *written_bits)

/* Array i's numbers are the bits above, from the i-th on. */
static void give_bits(void *context, int i, float *values)
{
    const struct array *array = context;
    for (size_t j = 0; j < array[i].count; j++)
        memcpy(&values[j], &written_bits[(j + (size_t)i) % WRITTEN], sizeof *values);
}

static void expect_written(struct arrays *file, int i, const struct array *array)
{
    float *expected = malloc((array[i].count + 1) * sizeof *expected);
    assert_non_null(expected);
    give_bits((void *)(uintptr_t)array, i, expected);
    expect_values(file, i, expected, array[i].count);
    free(expected);
}

static void test_round_trip(void **state)
{
    (void)state;
    static const struct array array[] = {
        {.name = "z.weight", .dims = 4, .dim = {3, 2, 5, 1}, .count = 30},
        {.name = "a \"quoted\" \\ name", .dims = 0, .count = 1},
        {.name = "gr\xc3\xbc\xc3\x9f", .dims = 2, .dim = {0, 7}, .count = 0},
        {.name = "long", .dims = 1, .dim = {40001}, .count = 40001},
        {.name = "deep",
         .dims = 8,
         .dim = {1, 1, 2, 1, 1, 3, 1, 1},
         .count = 6,
         .type = ARRAY_BF16},
    };
    static const struct array_note note[] = {{"format", "pt"},
                                             {"text", "\"a\"\n\xc3\xa9"}};
    const struct arrays_request request = {
        .arrays = 5,
        .array = array,
        .notes = 2,
        .note = note,
        .give = give_bits,
        .context = (void *)(uintptr_t)array,
    };
    const char *path = scratch_path("own.safetensors");
    size_t bytes;
    assert_int_equal(arrays_write(path, &request), ST_OK);
    uint8_t *data = scratch_read(path, &bytes);
    size_t header = data[0] + 256u * data[1];
    assert_int_equal(header % 8, 0);
    assert_int_equal(bytes, 8 + header + sizeof(float) * (30 + 1 + 40001 + 6));
    const char begin[] =
        "{\"__metadata__\":{\"format\":\"pt\",\"text\":\"\\\"a\\\"\\n\xc3\xa9\"},"
        "\"z.weight\":{\"dtype\":\"F32\",\"shape\":[3,2,5,1],"
        "\"data_offsets\":[0,120]},";
    assert_memory_equal(data + 8, begin, sizeof begin - 1);
    free(data);
    struct arrays *file = open_arrays(path);
    assert_string_equal(arrays_format(file), "safetensors");
    assert_int_equal(arrays_count(file), 5);
    expect_array(file, 0, "z.weight", ARRAY_F32, (int[]){3, 2, 5, 1, -1});
    expect_array(file, 1, "a \"quoted\" \\ name", ARRAY_F32, (int[]){-1});
    expect_array(file, 2, "gr\xc3\xbc\xc3\x9f", ARRAY_F32, (int[]){0, 7, -1});
    expect_array(file, 3, "long", ARRAY_F32, (int[]){40001, -1});
    expect_array(file, 4, "deep", ARRAY_F32, (int[]){1, 1, 2, 1, 1, 3, 1, 1, -1});
    assert_int_equal(arrays_find(file, "z"), -1);
    for (int i = 4; i >= 0; i--)
        expect_written(file, i, array);
    arrays_close(file);
    assert_int_equal(scratch_count("own"), 1); /* no temporary file is left */
}

static void test_not_written(void **state)
{
    (void)state;
    struct array array[] = {{.name = "a", .dims = 0, .count = 1},
                            {.name = "a", .dims = 0, .count = 1}};
    struct array_note note[] = {{"key", "\xff"}, {"key", "more"}};
    struct arrays_request request = {
        .arrays = 2, .array = array, .note = note, .give = give_bits, .context = array};
    const char *path = scratch_path("never.safetensors");
    assert_int_equal(arrays_write(path, &request), ST_FAIL);
    expect_said("two arrays have the name 'a'");
    array[1].name = "__metadata__";
    assert_int_equal(arrays_write(path, &request), ST_FAIL);
    expect_said("array 1 has a name that cannot be read");
    array[1].name = "b\n";
    assert_int_equal(arrays_write(path, &request), ST_FAIL);
    expect_said("array 1 has a name that cannot be read");
    array[1].name = "b";
    request.notes = 1;
    assert_int_equal(arrays_write(path, &request), ST_FAIL);
    expect_said("its note 'key' is there twice or not UTF-8");
    note[0].text = "fine";
    request.notes = 2;
    assert_int_equal(arrays_write(path, &request), ST_FAIL);
    expect_said("its note 'key' is there twice or not UTF-8");
    request.notes = 0;
    assert_int_equal(arrays_write(scratch_path("none/x"), &request), ST_FAIL);
    expect_said("none/x': No such file or directory");
    assert_int_equal(scratch_count("never"), 0);
}

/* --- types --- */

/* IEEE 754-2019, 3.4, by its formula. */
static double half_value(unsigned half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double value = exponent == 0    ? ldexp(fraction, -24)
                   : exponent == 31 ? (fraction ? NAN : INFINITY)
                                    : ldexp(1024 + fraction, exponent - 25);
    return half >> 15 ? -value : value;
}

static void test_every_half(void **state)
{
    (void)state;
    static uint16_t half[65536];
    static float values[65536];
    for (unsigned i = 0; i < 65536; i++)
        half[i] = (uint16_t)i; /* the host is little-endian: arrays_write.c */
    const char *header =
        "{\"h\":{\"dtype\":\"F16\",\"shape\":[256,256],\"data_offsets\":[0,131072]}}";
    struct arrays *file = open_arrays(make_with(header, half, sizeof half));
    expect_array(file, 0, "h", ARRAY_F16, (int[]){256, 256, -1});
    assert_int_equal(arrays_read(file, 0, values), ST_OK);
    int nans = 0;
    for (unsigned i = 0; i < 65536; i++) {
        double expected = half_value(i);
        assert_int_equal(signbit(values[i]) != 0, i >> 15);
        if (isnan(expected))
            nans += isnan(values[i]) != 0;
        else
            assert_true((double)values[i] == expected);
    }
    assert_int_equal(nans, 2 * 1023);
    arrays_close(file);
}

static void test_every_bfloat(void **state)
{
    (void)state;
    static uint16_t upper[65536];
    static uint32_t expected[65536];
    for (unsigned i = 0; i < 65536; i++) {
        upper[i] = (uint16_t)i;
        expected[i] = (uint32_t)i << 16;
    }
    const char *header =
        "{\"b\":{\"dtype\":\"BF16\",\"shape\":[65536],\"data_offsets\":[0,131072]}}";
    struct arrays *file = open_arrays(make_with(header, upper, sizeof upper));
    expect_array(file, 0, "b", ARRAY_BF16, (int[]){65536, -1});
    expect_values(file, 0, (const float *)(const void *)expected, 65536);
    arrays_close(file);
}

static void test_doubles(void **state)
{
    (void)state;
    static const double stored[] = {0.1,   -0.0, 1e300, -1e300, 0x1.fffffefp127,
                                    1e-46, 1e-45};
    static const float expected[] = {0.1f, -0.0f,    INFINITY, -INFINITY, 0x1.fffffep127f,
                                     0,    0x1p-149f};
    const char *header =
        "{\"d\":{\"dtype\":\"F64\",\"shape\":[7],\"data_offsets\":[0,56]}}";
    struct arrays *file = open_arrays(make_with(header, stored, sizeof stored));
    expect_array(file, 0, "d", ARRAY_F64, (int[]){7, -1});
    expect_values(file, 0, expected, 7);
    arrays_close(file);
}

static void test_other_types(void **state)
{
    (void)state;
    float value;
    struct arrays *file = open_arrays(make_header(
        "{\"n\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
        "\"w\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[12,16],\"more\":0},"
        "\"f\":{\"dtype\":\"F8_E4M3\",\"shape\":[2,2],\"data_offsets\":[8,12]}}",
        16));
    expect_array(file, 0, "n", ARRAY_OTHER, (int[]){-1});
    expect_array(file, 1, "f", ARRAY_OTHER, (int[]){2, 2, -1});
    expect_array(file, 2, "w", ARRAY_F32, (int[]){1, -1});
    assert_int_equal(arrays_read(file, 0, &value), ST_FAIL);
    expect_said("array 'n' of ");
    assert_int_equal(arrays_read(file, 1, &value), ST_FAIL);
    expect_said("has the type F8_E4M3; floats of 16, 32 and 64 bits can be read");
    const uint8_t bytes[] = {12, 13, 14, 15};
    memcpy(&value, bytes, sizeof value);
    expect_values(file, 2, &value, 1);
    arrays_close(file);
}

static void test_harmless(void **state)
{
    (void)state;
    struct arrays *file = open_arrays(make_header("{}", 0));
    assert_int_equal(arrays_count(file), 0);
    assert_int_equal(arrays_find(file, "a"), -1);
    arrays_close(file);
    /* a hole, empty arrays on the seams, blanks behind the header */
    file = open_arrays(make_header(
        "{\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8,16]},"
        "\"e\":{\"dtype\":\"F32\",\"shape\":[0,3],\"data_offsets\":[8,8]},"
        "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
        "\"f\":{\"dtype\":\"F16\",\"shape\":[0],\"data_offsets\":[16,16]}}   ",
        16));
    assert_int_equal(arrays_count(file), 4);
    assert_int_equal(arrays_find(file, "a"), 0);
    assert_int_equal(arrays_find(file, "e"), 1);
    assert_int_equal(arrays_find(file, "b"), 2);
    assert_int_equal(arrays_find(file, "f"), 3);
    expect_values(file, 1, NULL, 0);
    arrays_close(file);
    arrays_close(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_not_written),
        cmocka_unit_test(test_every_half), cmocka_unit_test(test_every_bfloat),
        cmocka_unit_test(test_doubles),    cmocka_unit_test(test_other_types),
        cmocka_unit_test(test_harmless),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
