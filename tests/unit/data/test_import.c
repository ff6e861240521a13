#include "../scratch.h"

#include "data/import.h"

/* --- class names --- */

static void expect_classes(const char *text, int n, const char *first, const char *last)
{
    char **names;
    int count;
    assert_int_equal(import_classes(text, &names, &count), ST_OK);
    assert_int_equal(count, n);
    assert_string_equal(names[0], first);
    assert_string_equal(names[n - 1], last);
    fs_free_list(names, count);
}

static void test_classes(void **state)
{
    (void)state;
    char **names;
    int count;
    expect_classes("letters", 26, "A", "Z");
    expect_classes("digits", 10, "0", "9");
    expect_classes("cat, dog ,mouse", 3, "cat", "mouse");
    assert_int_equal(import_classes("cat", &names, &count), ST_USAGE);
    expect_said("one class is not enough");
    assert_int_equal(import_classes("", &names, &count), ST_USAGE);
    expect_said("one class is not enough");
    assert_int_equal(import_classes("a,,b", &names, &count), ST_USAGE);
    expect_said("the name of class number 1 is empty");
    assert_int_equal(import_classes("a,b,a", &names, &count), ST_USAGE);
    expect_said("class 'a' is listed twice");
}

/* --- IDX --- */

static const char *write_idx(const char *name, int ndims, const int *dim,
                             const void *data)
{
    uint8_t file[4096] = {0, 0, 8, (uint8_t)ndims};
    size_t n = 1, head = 4 + 4 * (size_t)ndims;
    for (int i = 0; i < ndims; i++) {
        file[6 + 4 * i] = (uint8_t)(dim[i] >> 8);
        file[7 + 4 * i] = (uint8_t)dim[i];
        n *= (size_t)dim[i];
    }
    assert_true(head + n <= sizeof file);
    memcpy(file + head, data, n);
    return scratch_write(name, file, head + n);
}

/* 4 images of 2 x 3 pixels, labels 1..2 */
static const uint8_t pixels[24] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12,
                                   13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24};
static const uint8_t labels[4] = {1, 2, 2, 1};

static struct import_idx_options idx_options(void)
{
    struct import_idx_options o = {.label_base = 1};
    o.images[DATASET_TRAIN] = write_idx("images", 3, (const int[]){4, 2, 3}, pixels);
    o.labels[DATASET_TRAIN] = write_idx("labels", 1, (const int[]){4}, labels);
    return o;
}

static void test_idx(void **state)
{
    (void)state;
    struct dataset_builder b;
    struct import_idx_options o = idx_options();
    assert_int_equal(import_idx(&o, &b), ST_OK);
    assert_int_equal(b.count[DATASET_TRAIN], 4);
    assert_int_equal(b.count[DATASET_TEST], 0);
    assert_int_equal(b.h, 2);
    assert_int_equal(b.w, 3);
    assert_int_equal(b.classes, 2);
    assert_string_equal(b.class_name[0], "1"); /* the labels' own numbers */
    assert_string_equal(b.source, "IDX files images");
    assert_memory_equal(b.images[DATASET_TRAIN], pixels, 24);
    for (int i = 0; i < 4; i++)
        assert_int_equal(b.labels[DATASET_TRAIN][i], labels[i] - 1);
    dataset_builder_release(&b);
}

static void test_idx_transposed(void **state)
{
    (void)state;
    struct dataset_builder b;
    struct import_idx_options o = idx_options();
    o.images[DATASET_TEST] = o.images[DATASET_TRAIN];
    o.labels[DATASET_TEST] = o.labels[DATASET_TRAIN];
    o.transpose = true;
    o.classes = "no,yes";
    assert_int_equal(import_idx(&o, &b), ST_OK);
    const uint8_t expected[6] = {7, 10, 8, 11, 9, 12};
    assert_int_equal(b.h, 3);
    assert_int_equal(b.w, 2);
    assert_memory_equal(b.images[DATASET_TRAIN] + 6, expected, 6);
    assert_memory_equal(b.images[DATASET_TEST] + 6, expected, 6);
    assert_string_equal(b.class_name[1], "yes");
    assert_string_equal(b.source, "IDX files images, images");
    dataset_builder_release(&b);
}

static void idx_fails(const struct import_idx_options *o, const char *said)
{
    struct dataset_builder b;
    assert_int_equal(import_idx(o, &b), ST_FAIL);
    expect_said(said);
    assert_null(b.images[DATASET_TRAIN]);
    assert_null(b.class_name);
}

static void test_idx_trouble(void **state)
{
    (void)state;
    struct import_idx_options o = idx_options();
    o.label_base = 2;
    idx_fails(&o, "label 1 at item 0 of '");
    o.label_base = 0;
    o.classes = "a,b";
    idx_fails(&o, "label 2 at item 1 of '");
    o = idx_options();
    o.labels[0] = write_idx("labels", 1, (const int[]){3}, labels);
    idx_fails(&o, "holds 4 images but '");
    o = idx_options();
    o.images[0] = o.labels[0];
    idx_fails(&o, "does not hold images: it has 1 dimensions, not 3");
    o = idx_options();
    const char *swap = o.images[0];
    o.images[0] = o.labels[0];
    o.labels[0] = swap;
    idx_fails(&o, "are they swapped?");
    o = idx_options();
    o.images[1] = write_idx("small", 3, (const int[]){4, 2, 2}, pixels);
    o.labels[1] = o.labels[0];
    idx_fails(&o, "holds images of 2 x 2 pixels, but those for training have 2 x 3");
    o = idx_options();
    o.images[0] = write_idx("none", 3, (const int[]){0, 2, 2}, pixels);
    o.labels[0] = write_idx("none-labels", 1, (const int[]){0}, pixels);
    idx_fails(&o, "holds no images");
    o.images[0] = write_idx("flat", 3, (const int[]){4, 0, 2}, pixels);
    o.labels[0] = write_idx("labels", 1, (const int[]){4}, labels);
    idx_fails(&o, "holds images of 0 x 2 pixels");
    o.images[0] = scratch_path("absent");
    idx_fails(&o, "absent': No such file or directory");
}

/* --- CSV --- */

static struct import_csv_options csv_options(const char *text)
{
    struct import_csv_options o = {.seed = 1};
    o.file[DATASET_TRAIN] = scratch_write("t.csv", text, strlen(text));
    return o;
}

static void test_csv_forms(void **state)
{
    (void)state;
    const char *forms[] = {
        "1,1,2,3,4\n0,5,6,7,255\n",
        "1,1,2,3,4\n0,5,6,7,255",
        "1,1,2,3,4\r\n0,5,6,7,255\r\n",
        "label,pixel0,pixel1,pixel2,pixel3\n1,1,2,3,4\n0,5,6,7,255\n",
        "\"label\",a,b,c,d\n1,1,2,3,4\n\n0,5,6,7,255\n\n\n",
        "\xef\xbb\xbf 1 , 1,2 ,3, 4\n0,005,6,7,0000255\n",
    };
    const uint8_t expected[8] = {1, 2, 3, 4, 5, 6, 7, 255};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct dataset_builder b;
        struct import_csv_options o = csv_options(forms[i]);
        assert_int_equal(import_csv(&o, &b), ST_OK);
        assert_int_equal(b.count[DATASET_TRAIN], 2);
        assert_int_equal(b.count[DATASET_TEST], 0);
        assert_int_equal(b.h, 2);
        assert_int_equal(b.w, 2);
        assert_int_equal(b.classes, 2);
        assert_memory_equal(b.images[DATASET_TRAIN], expected, 8);
        assert_int_equal(b.labels[DATASET_TRAIN][0], 1);
        assert_int_equal(b.labels[DATASET_TRAIN][1], 0);
        dataset_builder_release(&b);
    }
}

static void test_csv_size_and_transpose(void **state)
{
    (void)state;
    struct dataset_builder b;
    struct import_csv_options o = csv_options("1,1,2,3,4,5,6\n2,6,5,4,3,2,1\n");
    const uint8_t expected[6] = {1, 3, 5, 2, 4, 6}; /* stored column by column */
    o.h = 2;
    o.w = 3;
    o.transpose = true;
    o.label_base = 1;
    o.file[DATASET_TEST] = o.file[DATASET_TRAIN];
    assert_int_equal(import_csv(&o, &b), ST_OK);
    assert_int_equal(b.h, 2);
    assert_int_equal(b.w, 3);
    assert_memory_equal(b.images[DATASET_TRAIN], expected, 6);
    assert_int_equal(b.labels[DATASET_TRAIN][1], 1);
    assert_int_equal(b.count[DATASET_TEST], 2);
    assert_string_equal(b.source, "CSV files t.csv, t.csv");
    dataset_builder_release(&b);
}

static void csv_fails(const char *text, const char *said)
{
    struct dataset_builder b;
    struct import_csv_options o = csv_options(text);
    o.classes = "a,b";
    assert_int_equal(import_csv(&o, &b), ST_FAIL);
    expect_said(said);
    assert_null(b.images[DATASET_TRAIN]);
}

static void test_csv_trouble(void **state)
{
    (void)state;
    csv_fails("", "holds no images");
    csv_fails("label,pixel\n", "holds no images");
    csv_fails("1,1,2,3,4\n1,1,2,3\n", "line 2 of '");
    csv_fails("1,1,2,3,4\n\n1,1,2,3,4,5\n", "has 6 columns, but line 1 has 5");
    csv_fails("l,a,b,c,d\n1,1,2,3,4\n1,1,256,3,4\n", "line 3 of '");
    csv_fails("1,1,2,300,4\n", "pixel 300 in column 4 is not within 0..255");
    csv_fails("1,1,2,-3,4\n", "pixel -3 in column 4 is not within 0..255");
    csv_fails("1,1,2,3,99999999999\n", "'99999999999' in column 5 is not a whole number");
    csv_fails("1,1,2,,4\n", "'' in column 4 is not a whole number");
    csv_fails("1,1,0.5,3,4\n", "'0.5' in column 3 is not a whole number");
    csv_fails("1,1,x,3,4\n", "'x' in column 3 is not a whole number");
    csv_fails("1,1,2,3,4\nx,1,2,3,4\n", "'x' in column 1 is not a whole number");
    csv_fails("2,1,2,3,4\n", "label 2 at line 1 of '");
    csv_fails("-1,1,2,3,4\n", "label -1 at line 1 of '");
    csv_fails("1,1,2,3\n", "3 pixels in '");
    csv_fails("1\n2\n", "has one column");
    csv_fails("1;1;2;3;4\n", "has one column");
}

/* More than one block, with rows across block boundaries; test_share and seed. */
static void test_csv_large(void **state)
{
    (void)state;
    size_t rows = 12000, used = 0, room = rows * 400 * 5;
    char *text = malloc(room);
    for (size_t i = 0; i < rows; i++) {
        used += (size_t)sprintf(text + used, "%zu", i % 3);
        for (size_t k = 0; k < 400; k++)
            used += (size_t)sprintf(text + used, ",%d",
                                    k < 4 ? (int)(i >> (4 * k)) & 15
                                          : (int)(i * k * k) & 127);
        text[used++] = '\n';
    }
    assert_true(used < room && used > 12000000);
    struct import_csv_options o = {.seed = 5, .test_share = 0.1};
    o.file[DATASET_TRAIN] = scratch_write("large.csv", text, used);
    free(text);
    struct dataset_builder b;
    assert_int_equal(import_csv(&o, &b), ST_OK);
    assert_int_equal(b.count[DATASET_TRAIN], 10800);
    assert_int_equal(b.count[DATASET_TEST], 1200);
    char *seen = calloc(rows, 1);
    size_t per_class[3] = {0};
    for (int s = 0; s < DATASET_SPLITS; s++) {
        for (size_t i = 0; i < b.count[s]; i++) {
            const uint8_t *p = b.images[s] + i * 400;
            size_t row = (size_t)(p[0] | p[1] << 4 | p[2] << 8 | p[3] << 12);
            assert_in_range(row, 0, rows - 1);
            assert_int_equal(seen[row]++, 0); /* each once, in train or in test */
            assert_int_equal(b.labels[s][i], row % 3);
            per_class[row % 3] += s == DATASET_TEST;
            for (size_t k = 4; k < 400; k++)
                assert_int_equal(p[k], (row * k * k) & 127);
        }
    }
    for (int c = 0; c < 3; c++)
        assert_int_equal(per_class[c], 400);
    free(seen);
    dataset_builder_release(&b);
}

/* One image as large as its file: memory must not be allocated for thousands of them. */
static void test_csv_long_line(void **state)
{
    (void)state;
    size_t side = 3000, bytes = 2 * (side * side + 1);
    char *text = malloc(bytes);
    for (size_t i = 0; i < bytes; i += 2)
        memcpy(text + i, "7,", 2);
    text[bytes - 1] = '\n';
    struct import_csv_options o = {.label_base = 7};
    o.file[DATASET_TRAIN] = scratch_write("long.csv", text, bytes);
    free(text);
    struct dataset_builder b;
    assert_int_equal(import_csv(&o, &b), ST_OK);
    assert_int_equal(b.count[DATASET_TRAIN], 1);
    assert_int_equal(b.h, side);
    assert_int_equal(b.images[DATASET_TRAIN][side * side - 1], 7);
    dataset_builder_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_idx),
        cmocka_unit_test(test_idx_transposed),
        cmocka_unit_test(test_idx_trouble),
        cmocka_unit_test(test_csv_forms),
        cmocka_unit_test(test_csv_size_and_transpose),
        cmocka_unit_test(test_csv_trouble),
        cmocka_unit_test(test_csv_large),
        cmocka_unit_test(test_csv_long_line),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
