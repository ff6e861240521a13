/* Data sets of format 2: RGB images, a val split, paths, treatment; the streaming
   writer. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../scratch.h"
#include "base/fs.h"
#include "base/mem.h"
#include "data/dataset_verify.h"
#include "data/dataset_writer.h"
#include "io/h5file.h"

#define H       5
#define W       7
#define CLASSES 3

static char *names[] = {(char[]){"a"}, (char[]){"b"}, (char[]){"c"}};

/* Image i of a split: every pixel and channel differs from those of the next image. */
static void image_of(enum dataset_split split, size_t i, int c, uint8_t *pixels)
{
    for (int p = 0; p < H * W * c; p++)
        pixels[p] =
            (uint8_t)((size_t)p * 3 + i * 7 + (size_t)split * 50 + (size_t)(p % c) * 20);
}

static struct dataset_recipe recipe_of(int c, size_t train, size_t val, size_t test)
{
    return (struct dataset_recipe){
        .shape = {H, W, c},
        .classes = CLASSES,
        .class_name = names,
        .source = "a test",
        .most = {train, val, test},
    };
}

static enum status put(struct dataset_writer *writer, enum dataset_split split,
                       const uint8_t *pixels, int label, const char *path)
{
    const struct dataset_item item = {.pixels = pixels, .label = label, .path = path};
    return dataset_writer_put(writer, split, &item);
}

static enum status put_all(struct dataset_writer *writer, enum dataset_split split,
                           size_t n, int c, bool paths)
{
    uint8_t pixels[H * W * DATASET_CHANNELS];
    for (size_t i = 0; i < n; i++) {
        char path[64];
        snprintf(path, sizeof path, "%s/%zu.jpg", dataset_split_name[split], i);
        image_of(split, i, c, pixels);
        TRY(put(writer, split, pixels, (int)(i % CLASSES), paths ? path : NULL));
    }
    return ST_OK;
}

static void write_set(const char *name, const struct dataset_recipe *recipe, size_t train,
                      size_t val, size_t test, bool paths)
{
    struct dataset_writer *writer;
    int c = recipe->shape.c;
    assert_int_equal(dataset_writer_open(&writer, scratch_path(name), recipe), ST_OK);
    /* Splits may be mixed. */
    assert_int_equal(put_all(writer, DATASET_TEST, test, c, paths), ST_OK);
    assert_int_equal(put_all(writer, DATASET_TRAIN, train, c, paths), ST_OK);
    assert_int_equal(put_all(writer, DATASET_VAL, val, c, paths), ST_OK);
    assert_int_equal(dataset_writer_finish(writer, false), ST_OK);
}

static void expect_images(const struct dataset_info *info)
{
    size_t bytes = dataset_image_bytes(info->shape);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        size_t count = info->count[s];
        uint8_t *found = mem_zeroed(count, bytes), pixels[H * W * DATASET_CHANNELS];
        uint16_t *labels = mem_zeroed(count, sizeof *labels);
        if (count > 0)
            assert_int_equal(dataset_read_rows(info, s, 0, count, found, labels), ST_OK);
        for (size_t i = 0; i < count; i++) {
            image_of(s, i, info->shape.c, pixels);
            assert_memory_equal(found + i * bytes, pixels, bytes);
            assert_int_equal(labels[i], i % CLASSES);
        }
        free(found);
        free(labels);
    }
}

static void test_colour(void **state)
{
    (void)state;
    struct dataset_info info;
    uint64_t hash;
    char **paths;
    struct dataset_recipe recipe = recipe_of(3, 50, 20, 10);
    recipe.treatment = (struct dataset_treatment){.recorded = true,
                                                  .fit = TREATMENT_CROP,
                                                  .background = TREATMENT_BORDER,
                                                  .range = TREATMENT_LIMITS,
                                                  .low = 0.1,
                                                  .high = 4095};
    write_set("colour.h5", &recipe, 50, 20, 10, true);
    assert_int_equal(dataset_info_read(&info, scratch_path("colour.h5")), ST_OK);
    assert_int_equal(info.shape.c, 3);
    assert_int_equal(info.count[DATASET_TRAIN], 50);
    assert_int_equal(info.count[DATASET_VAL], 20);
    assert_int_equal(info.count[DATASET_TEST], 10);
    assert_int_equal(dataset_choosing(&info), DATASET_VAL);
    expect_images(&info);
    assert_true(info.treatment.recorded);
    assert_int_equal(info.treatment.fit, TREATMENT_CROP);
    assert_int_equal(info.treatment.background, TREATMENT_BORDER);
    assert_true(info.treatment.low == 0.1 && info.treatment.high == 4095);
    assert_int_equal(dataset_hash_file(&info, &hash, NULL), ST_OK);
    assert_true(info.hash_known && hash == info.hash);
    assert_true(info.has_paths);
    assert_int_equal(dataset_read_paths(&info, DATASET_VAL, &paths), ST_OK);
    assert_string_equal(paths[0], "val/0.jpg");
    assert_string_equal(paths[19], "val/19.jpg");
    fs_free_list(paths, 20);
    for (int c = 0; c < 3; c++) {
        double sum = 0, squares = 0, n = 50 * H * W;
        for (size_t i = 0; i < 50; i++) {
            uint8_t pixels[H * W * 3];
            image_of(DATASET_TRAIN, i, 3, pixels);
            for (int p = c; p < H * W * 3; p += 3) {
                sum += pixels[p] / 255.0;
                squares += pixels[p] / 255.0 * (pixels[p] / 255.0);
            }
        }
        assert_true(fabs(info.mean[c] - sum / n) < 1e-12);
        assert_true(fabs(info.std[c] - sqrt(squares / n - sum / n * sum / n)) < 1e-9);
    }
    dataset_info_release(&info);
}

static uint64_t hash_of(const char *name)
{
    struct dataset_info info;
    uint64_t found;
    assert_int_equal(dataset_info_read(&info, scratch_path(name)), ST_OK);
    assert_int_equal(dataset_hash_file(&info, &found, NULL), ST_OK);
    assert_true(found == info.hash);
    expect_images(&info);
    dataset_info_release(&info);
    return found;
}

/* The file is the same whether the number of images was known or not. */
static void test_fewer_than_announced(void **state)
{
    (void)state;
    for (int c = 1; c <= 3; c += 2) {
        size_t val = c == 1 ? 0 : 12;
        struct dataset_recipe exact = recipe_of(c, 31000, val, 11);
        struct dataset_recipe more = recipe_of(c, 32000, 3000, 400);
        size_t small, large;
        write_set("exact.h5", &exact, 31000, val, 11, false);
        write_set("more.h5", &more, 31000, val, 11, false);
        assert_true(hash_of("exact.h5") == hash_of("more.h5"));
        free(scratch_read(scratch_path("exact.h5"), &small));
        free(scratch_read(scratch_path("more.h5"), &large));
        assert_true(large < small + 4096);
    }
}

static uint64_t version_of(const char *name)
{
    struct h5file *file;
    uint64_t version;
    assert_int_equal(h5file_open(&file, scratch_path(name)), ST_OK);
    assert_int_equal(h5file_get_u64(file, "/", "format_version", &version), ST_OK);
    assert_true(version > 1 || !h5file_has(file, "/val/images"));
    h5file_close(file);
    return version;
}

/* Older programs read what they can. */
static void test_format(void **state)
{
    (void)state;
    struct dataset_recipe recipe = recipe_of(1, 9, 3, 3);
    write_set("grey.h5", &recipe, 9, 0, 3, true);
    assert_int_equal(version_of("grey.h5"), 1);
    write_set("val.h5", &recipe, 9, 3, 3, true);
    assert_int_equal(version_of("val.h5"), 2);
    assert_true(hash_of("grey.h5") != hash_of("val.h5"));
    recipe = recipe_of(3, 9, 0, 3);
    write_set("rgb.h5", &recipe, 9, 0, 3, true);
    assert_int_equal(version_of("rgb.h5"), 2);
}

static void test_split_val(void **state)
{
    (void)state;
    struct dataset_info info;
    size_t moved, per_class[CLASSES] = {0}, from_train = 0;
    struct dataset_recipe recipe = recipe_of(3, 60, 0, 10);
    write_set("split.h5", &recipe, 60, 0, 10, true);
    assert_int_equal(dataset_info_read(&info, scratch_path("split.h5")), ST_OK);
    assert_int_equal(dataset_split_val(&info, 0.2, 5, &moved), ST_OK);
    assert_int_equal(moved, 12);
    dataset_info_release(&info);
    assert_int_equal(dataset_info_read(&info, scratch_path("split.h5")), ST_OK);
    assert_int_equal(info.count[DATASET_TRAIN], 48);
    assert_int_equal(info.count[DATASET_VAL], 12);
    assert_int_equal(info.count[DATASET_TEST], 10);
    char **paths;
    assert_int_equal(dataset_read_paths(&info, DATASET_VAL, &paths), ST_OK);
    for (size_t i = 0; i < 12; i++) { /* each image goes with its label and path */
        uint8_t found[H * W * 3], pixels[H * W * 3];
        uint16_t label;
        size_t was;
        assert_int_equal(sscanf(paths[i], "train/%zu.jpg", &was), 1);
        assert_int_equal(dataset_read_rows(&info, DATASET_VAL, i, 1, found, &label),
                         ST_OK);
        image_of(DATASET_TRAIN, was, 3, pixels);
        assert_memory_equal(found, pixels, sizeof found);
        assert_int_equal(label, was % CLASSES);
        per_class[label]++;
        from_train++;
    }
    assert_int_equal(from_train, 12);
    for (int c = 0; c < CLASSES; c++)
        assert_int_equal(per_class[c], 4);
    fs_free_list(paths, 12);
    assert_int_equal(dataset_split_val(&info, 0.2, 5, &moved), ST_FAIL);
    expect_said("has 12 val images already");
    dataset_info_release(&info);
}

static void test_refusals(void **state)
{
    (void)state;
    struct dataset_writer *writer;
    struct dataset_recipe recipe = recipe_of(3, 9, 0, 3);
    uint8_t pixels[H * W * 3] = {0};
    assert_int_equal(dataset_writer_open(&writer, scratch_path("no/x.h5"), &recipe),
                     ST_FAIL);
    expect_said("no/x.h5'");
    assert_null(writer);
    assert_int_equal(dataset_writer_open(&writer, scratch_path("bad.h5"), &recipe),
                     ST_OK);
    assert_int_equal(put(writer, DATASET_VAL - 1, pixels, 3, NULL), ST_FAIL);
    expect_said("label of train image 0 is out of range");
    assert_int_equal(dataset_writer_finish(writer, true), ST_FAIL);
    expect_said("there are no training images in a test");
    assert_int_equal(dataset_writer_open(&writer, scratch_path("bad.h5"), &recipe),
                     ST_OK);
    assert_int_equal(put(writer, DATASET_TRAIN, pixels, 1, NULL), ST_OK);
    assert_int_equal(dataset_writer_finish(writer, false), ST_FAIL);
    expect_said("class 'a' has no training images (2 of 3 classes are empty)");
    assert_int_equal(dataset_writer_open(&writer, scratch_path("bad.h5"), &recipe),
                     ST_OK);
    dataset_writer_abandon(writer);
    assert_false(fs_is_file(scratch_path("bad.h5")));
}

static void test_treatment_text(void **state)
{
    (void)state;
    struct dataset_treatment t;
    char text[TREATMENT_TEXT];
    assert_true(treatment_parse(&t, ""));
    assert_true(!t.recorded && t.invert == TREATMENT_INVERT_EACH);
    assert_true(treatment_parse(&t, "invert=yes fit=stretch background=255 range=auto"));
    assert_true(t.recorded && t.invert == TREATMENT_INVERT);
    assert_true(t.fit == TREATMENT_STRETCH && t.background == 255);
    treatment_text(&t, text);
    assert_string_equal(text, "invert=yes fit=stretch background=255 range=auto");
    assert_true(treatment_parse(&t, "invert=no later=something"));
    assert_false(treatment_parse(&t, "invert=perhaps"));
    assert_false(treatment_parse(&t, "invert"));
    assert_false(treatment_parse(&t, "range=9,1"));
    assert_false(treatment_parse(&t, "background=256"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_colour),   cmocka_unit_test(test_fewer_than_announced),
        cmocka_unit_test(test_format),   cmocka_unit_test(test_split_val),
        cmocka_unit_test(test_refusals), cmocka_unit_test(test_treatment_text),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
