/* How pictures become images, and what a data set keeps of them. */
#include "../scratch.h"

#include <stdlib.h>

#include "data/import_pictures.h"
#include "data/import_treatment.h"

static const struct dataset_treatment crop = {
    .recorded = true, .fit = TREATMENT_CROP, .background = TREATMENT_BORDER};

static void test_large_jpegs_may_be_decoded_at_a_part_of_their_size(void **state)
{
    (void)state;
    const struct shape shape = {48, 64, 3};
    struct image_options options = treatment_reader(&crop, &shape);
    assert_int_equal(options.least_h, 96);
    assert_int_equal(options.least_w, 128);
    options = treatment_reader(&crop, NULL);
    assert_int_equal(options.least_h, 0);
    const struct dataset_treatment old = treatment_unrecorded();
    options = treatment_reader(&old, &shape);
    assert_int_equal(options.least_h, 0);
    assert_int_equal(options.least_w, 0);
}

/* The one way is that of predict, the other that of the import and the loader. */
static void test_decoding_is_reading_and_treating(void **state)
{
    (void)state;
    const struct shape shape = {12, 9, 3};
    uint8_t pixels[40 * 50], one[12 * 9 * 3], other[12 * 9 * 3], *file;
    size_t bytes;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 37 % 256);
    const char *path = scratch_path("a.png");
    const struct image written = {40, 50, 1, pixels};
    struct image image;
    assert_int_equal(image_write_png(&written, path), ST_OK);
    assert_int_equal(image_load(path, &file, &bytes), ST_OK);
    assert_int_equal(treatment_decode(&crop, file, bytes, "a", shape, one), ST_OK);
    const struct image_options options = treatment_reader(&crop, &shape);
    assert_int_equal(image_read_file(&image, path, &options, NULL), ST_OK);
    treatment_apply(&crop, &image, shape, other);
    assert_memory_equal(one, other, sizeof one);
    image_release(&image);
    assert_int_equal(treatment_decode(&crop, file, bytes / 2, "a", shape, one), ST_FAIL);
    expect_said("'a' is a PNG cut short");
    free(file);
    assert_int_equal(image_load(scratch_path("absent"), &file, &bytes), ST_FAIL);
    expect_said("absent");
    assert_null(file);
}

static void test_files_are_kept_where_pixels_do_not_fit(void **state)
{
    (void)state;
    assert_int_equal(import_choose_store(1e9, 7e9, 16e9), IMPORT_STORE_RAW);
    assert_int_equal(import_choose_store(1e9, 9e9, 16e9), IMPORT_STORE_ENCODED);
    assert_int_equal(import_choose_store(10e9, 9e9, 16e9), IMPORT_STORE_RAW);
}

/* The checkpoint holds this text. */
static void test_the_decoders_have_versions(void **state)
{
    (void)state;
    char text[IMAGE_DECODERS];
    int major, minor, patch, webp[3], tiff;
    image_decoders(text);
    assert_int_equal(sscanf(text, "libjpeg-turbo %d.%d.%d, libwebp %d.%d.%d, libtiff %d",
                            &major, &minor, &patch, &webp[0], &webp[1], &webp[2], &tiff),
                     7);
    assert_true(major >= 1 && tiff > 20000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_jpegs_may_be_decoded_at_a_part_of_their_size),
        cmocka_unit_test(test_decoding_is_reading_and_treating),
        cmocka_unit_test(test_files_are_kept_where_pixels_do_not_fit),
        cmocka_unit_test(test_the_decoders_have_versions),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
