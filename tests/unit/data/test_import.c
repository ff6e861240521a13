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
    struct import_idx_options o = {.table.label_base = 1};
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
    expect_said("images' fill only 0..24 of 0..255; --max-value 24 scales them");
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
    o.table.transpose = true;
    o.table.classes = "no,yes";
    assert_int_equal(import_idx(&o, &b), ST_OK);
    const uint8_t expected[6] = {7, 10, 8, 11, 9, 12};
    assert_int_equal(b.h, 3);
    assert_int_equal(b.w, 2);
    assert_memory_equal(b.images[DATASET_TRAIN] + 6, expected, 6);
    assert_memory_equal(b.images[DATASET_TEST] + 6, expected, 6);
    assert_string_equal(b.class_name[1], "yes");
    assert_string_equal(b.source, "IDX files images, images");
    expect_said("images' fill only 0..24 of 0..255");
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
    o.table.label_base = 2;
    idx_fails(&o, "label 1 at item 0 of '");
    o.table.label_base = 0;
    o.table.classes = "a,b";
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_idx),
        cmocka_unit_test(test_idx_transposed),
        cmocka_unit_test(test_idx_trouble),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
