#include "../scratch.h"

#include "data/import.h"
#include "io/image.h"

static void write_image(const char *name, int h, int w, uint8_t value, uint8_t border)
{
    uint8_t pixel[64 * 64];
    for (int i = 0; i < h * w; i++) {
        int y = i / w, x = i % w;
        bool edge = y == 0 || x == 0 || y == h - 1 || x == w - 1;
        pixel[i] = edge ? border : value;
    }
    const struct image image = {h, w, 1, pixel};
    assert_int_equal(image_write_png(&image, scratch_path(name)), ST_OK);
}

static void make_folder(const char *name)
{
    assert_int_equal(fs_make_folder(scratch_path(name)), ST_OK);
}

static void test_dir(void **state)
{
    (void)state;
    const char *classes[] = {"10", "9", "1"};
    char name[64];
    for (int c = 0; c < 3; c++) {
        uint8_t value = (uint8_t)(100 + 10 * c);
        snprintf(name, sizeof name, "set/%s", classes[c]);
        make_folder(name);
        for (int i = 0; i < 20; i++) {
            snprintf(name, sizeof name, "set/%s/%d.%s", classes[c], i,
                     i % 2 ? "png" : "PNG");
            write_image(name, 8 + i, 8, value, value);
        }
    }
    scratch_write("set/notes.txt", "x", 1);
    scratch_write("set/9/.hidden.png", "x", 1);
    struct import_dir_options o = {.test_share = 0.25, .seed = 1, .h = 8, .w = 8};
    o.folder[DATASET_TRAIN] = scratch_path("set");
    struct dataset_builder b;
    assert_int_equal(import_dir(&o, &b), ST_OK);
    assert_int_equal(b.classes, 3);
    assert_string_equal(b.class_name[0], "1"); /* by number, not by name */
    assert_string_equal(b.class_name[1], "9");
    assert_string_equal(b.class_name[2], "10");
    assert_string_equal(b.source, "PNG folder set");
    assert_int_equal(b.count[DATASET_TRAIN], 45);
    assert_int_equal(b.count[DATASET_TEST], 15);
    int per_class[3] = {0};
    for (size_t i = 0; i < 45; i++) {
        int centre = b.images[DATASET_TRAIN][i * 64 + 4 * 8 + 4];
        int label = b.labels[DATASET_TRAIN][i];
        per_class[label]++;
        assert_int_equal(centre, label == 2 ? 100 : label == 1 ? 110 : 120);
    }
    for (int c = 0; c < 3; c++)
        assert_int_equal(per_class[c], 15);
    dataset_builder_release(&b);
}

static void test_dir_divided_and_inverted(void **state)
{
    (void)state;
    make_folder("both/train/a");
    make_folder("both/train/b");
    make_folder("both/test/b");
    write_image("both/train/a/1.png", 6, 6, 250, 10);
    write_image("both/train/b/1.png", 6, 6, 10, 250);
    write_image("both/test/b/1.png", 6, 6, 30, 255);
    struct import_dir_options o = {.test_share = 0.5, .h = 6, .w = 6, .invert = -1};
    o.folder[DATASET_TRAIN] = scratch_path("both");
    struct dataset_builder b;
    assert_int_equal(import_dir(&o, &b), ST_OK);
    expect_said("2 of 3 images were dark on light and have been inverted");
    assert_int_equal(b.count[DATASET_TRAIN], 2);
    assert_int_equal(b.count[DATASET_TEST], 1);
    assert_int_equal(b.images[DATASET_TRAIN][14], 250);
    assert_int_equal(b.images[DATASET_TRAIN][36 + 14], 245);
    assert_int_equal(b.images[DATASET_TRAIN][36], 5);
    assert_int_equal(b.images[DATASET_TEST][14], 225);
    assert_int_equal(b.labels[DATASET_TEST][0], 1);
    dataset_builder_release(&b);
    o.invert = 0;
    assert_int_equal(import_dir(&o, &b), ST_OK);
    assert_int_equal(b.images[DATASET_TRAIN][36 + 14], 10);
    dataset_builder_release(&b);
    o.invert = 1;
    assert_int_equal(import_dir(&o, &b), ST_OK);
    assert_int_equal(b.images[DATASET_TRAIN][14], 5);
    dataset_builder_release(&b);
}

static void dir_fails(const char *train, const char *test, const char *said)
{
    struct import_dir_options o = {.h = 8, .w = 8};
    struct dataset_builder b;
    o.folder[DATASET_TRAIN] = scratch_path(train);
    o.folder[DATASET_TEST] = test ? scratch_path(test) : NULL;
    assert_int_equal(import_dir(&o, &b), ST_FAIL);
    expect_said(said);
    assert_null(b.images[DATASET_TRAIN]);
}

static void test_dir_trouble(void **state)
{
    (void)state;
    make_folder("empty");
    dir_fails("empty", NULL, "holds 0 folders; one folder of PNG images for each class");
    dir_fails("absent", NULL, "cannot read folder '");
    make_folder("bad/a");
    make_folder("bad/b");
    write_image("bad/a/1.png", 6, 6, 250, 10);
    scratch_write("bad/b/1.jpg", "x", 1);
    dir_fails("bad", NULL, "bad/b' holds no PNG images (1 other files)");
    scratch_write("bad/b/2.png", "x", 1);
    dir_fails("bad", NULL, "2.png' is a text file, not an image: lockstep");
    write_image("bad/b/2.png", 6, 6, 250, 10);
    make_folder("other/c");
    dir_fails("bad", "other", "there are no training images for the class of '");
    make_folder("nothing/a");
    dir_fails("bad", "nothing", "nothing' holds no test images");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dir),
        cmocka_unit_test(test_dir_divided_and_inverted),
        cmocka_unit_test(test_dir_trouble),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
