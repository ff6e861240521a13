#include "../scratch.h"

#include <png.h>

#include "io/image.h"

/* 1 2 3 / 4 5 6, stored with each orientation of EXIF 2.32, section 4.6.4. */
static void test_orientations(void **state)
{
    (void)state;
    static const uint8_t stored[] = {1, 2, 3, 4, 5, 6};
    static const uint8_t upright[9][6] = {
        [1] = {1, 2, 3, 4, 5, 6}, [2] = {3, 2, 1, 6, 5, 4}, [3] = {6, 5, 4, 3, 2, 1},
        [4] = {4, 5, 6, 1, 2, 3}, [5] = {1, 4, 2, 5, 3, 6}, [6] = {4, 1, 5, 2, 6, 3},
        [7] = {6, 3, 5, 2, 4, 1}, [8] = {3, 6, 2, 5, 1, 4},
    };
    for (int n = 1; n <= 8; n++) {
        struct image image = {2, 3, 1, malloc(6)};
        memcpy(image.pixel, stored, 6);
        image_orient(&image, n);
        assert_int_equal(image.h, n < 5 ? 2 : 3);
        assert_int_equal(image.w, n < 5 ? 3 : 2);
        assert_memory_equal(image.pixel, upright[n], 6);
        image_release(&image);
    }
}

/* Reads a PNG of 2 x 1 pixels with this EXIF: is it turned? */
static bool exif_turns(const void *exif, size_t bytes)
{
    png_byte pixels[] = {1, 2}, copy[64];
    struct image image;
    const char *path = scratch_path("exif.png");
    FILE *file = fopen(path, "wb");
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    memcpy(copy, exif, bytes);
    png_init_io(png, file);
    png_set_IHDR(png, info, 2, 1, 8, PNG_COLOR_TYPE_GRAY, 0, 0, 0);
    png_set_eXIf_1(png, info, (png_uint_32)bytes, copy);
    png_write_info(png, info);
    png_write_row(png, pixels);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(file);
    assert_int_equal(image_read(&image, path), ST_OK);
    bool turned = image.h == 2;
    image_release(&image);
    return turned;
}

static void test_exif(void **state)
{
    (void)state;
    char big[] = "MM\0*\0\0\0\10\0\2" /* the second of two entries */
                 "\1\0\0\3\0\0\0\1\0\2\0\0"
                 "\1\22\0\3\0\0\0\1\0\6\0\0";
    char little[] = "II*\0\10\0\0\0\1\0\22\1\3\0\1\0\0\0\10\0\0\0";
    assert_true(exif_turns(big, sizeof big - 1));
    assert_true(exif_turns(little, sizeof little - 1));
    for (size_t n = 4; n < sizeof big - 1; n++) /* ends too soon */
        assert_false(exif_turns(big, n));
    big[31] = 9; /* no such orientation */
    assert_false(exif_turns(big, sizeof big - 1));
    big[31] = 6;
    big[25] = 4; /* not a short number */
    assert_false(exif_turns(big, sizeof big - 1));
    little[7] = (char)0xff; /* a directory behind the end */
    assert_false(exif_turns(little, sizeof little - 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orientations),
        cmocka_unit_test(test_exif),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
