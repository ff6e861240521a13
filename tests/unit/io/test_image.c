#include "../scratch.h"

#include <png.h>
#include <pthread.h>
#include <sys/stat.h>
#include <zlib.h>

#include "io/image.h"

/* Writes a PNG of any kind with libpng. */
static const char *write_png(const char *name, int w, int h, int depth, int color,
                             int interlace, png_bytep rows[])
{
    const char *path = scratch_path(name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
    png_infop info = png_create_info_struct(png);
    png_init_io(png, file);
    png_set_IHDR(png, info, (png_uint_32)w, (png_uint_32)h, depth, color, interlace,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    if (color == PNG_COLOR_TYPE_PALETTE) {
        const png_color palette[3] = {{255, 0, 0}, {0, 255, 0}, {0, 0, 255}};
        const png_byte alpha[3] = {255, 255, 0};
        png_set_PLTE(png, info, palette, 3);
        png_set_tRNS(png, info, alpha, 3, NULL);
    }
    png_write_info(png, info);
    png_write_image(png, rows);
    png_write_end(png, NULL);
    png_destroy_write_struct(&png, &info);
    fclose(file);
    return path;
}

static void expect_pixels(const char *path, int h, int w, const uint8_t *pixels)
{
    struct image image;
    assert_int_equal(image_read(&image, path), ST_OK);
    image_to_channels(&image, 1);
    assert_int_equal(image.h, h);
    assert_int_equal(image.w, w);
    for (int i = 0; i < h * w; i++)
        assert_int_equal(image.pixel[i], pixels[i]);
    image_release(&image);
    assert_null(image.pixel);
}

static void test_round_trip(void **state)
{
    (void)state;
    uint8_t pixels[7 * 300];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 31);
    const struct image image = {7, 300, 1, pixels};
    assert_int_equal(image_write_png(&image, scratch_path("grey.png")), ST_OK);
    expect_pixels(scratch_path("grey.png"), 7, 300, pixels);
    assert_int_equal(scratch_count("grey.png"), 1);
}

static void test_colour_is_luma(void **state)
{
    (void)state;
    png_byte row0[] = {255, 0, 0, 0, 255, 0}, row1[] = {0, 0, 255, 255, 255, 255};
    png_bytep rows[] = {row0, row1};
    const uint8_t luma[] = {76, 150, 29, 255}; /* 0.299, 0.587, 0.114 of 255 */
    expect_pixels(write_png("rgb.png", 2, 2, 8, PNG_COLOR_TYPE_RGB, 0, rows), 2, 2, luma);
}

static void test_transparency_is_laid_on_white(void **state)
{
    (void)state;
    png_byte row0[] = {0, 255, 0, 0}, row1[] = {0, 128, 200, 51};
    png_bytep rows[] = {row0, row1};
    const uint8_t seen[] = {0, 255, 127, 244};
    expect_pixels(write_png("ga.png", 2, 2, 8, PNG_COLOR_TYPE_GRAY_ALPHA, 0, rows), 2, 2,
                  seen);
    png_byte rgba0[] = {255, 0, 0, 255, 0, 0, 0, 0};
    png_bytep rgba[] = {rgba0};
    const uint8_t seen_rgba[] = {76, 255};
    expect_pixels(write_png("rgba.png", 2, 1, 8, PNG_COLOR_TYPE_RGB_ALPHA, 0, rgba), 1, 2,
                  seen_rgba);
}

static void test_palette_bits_and_16_bits(void **state)
{
    (void)state;
    png_byte index[] = {0, 1, 2};
    png_bytep rows[] = {index};
    const uint8_t seen[] = {76, 150, 255}; /* the third colour is transparent */
    expect_pixels(write_png("pal.png", 3, 1, 8, PNG_COLOR_TYPE_PALETTE, 0, rows), 1, 3,
                  seen);
    png_byte bits[] = {0xa0};
    png_bytep bit_rows[] = {bits};
    const uint8_t seen_bits[] = {255, 0, 255};
    expect_pixels(write_png("bit.png", 3, 1, 1, PNG_COLOR_TYPE_GRAY, 0, bit_rows), 1, 3,
                  seen_bits);
    png_byte wide[] = {0xff, 0xff, 0x80, 0x00, 0x01, 0x01};
    png_bytep wide_rows[] = {wide};
    const uint8_t seen_wide[] = {255, 128, 1};
    expect_pixels(write_png("wide.png", 3, 1, 16, PNG_COLOR_TYPE_GRAY, 0, wide_rows), 1,
                  3, seen_wide);
}

static void test_interlaced(void **state)
{
    (void)state;
    png_byte pixels[13 * 13];
    png_bytep rows[13];
    for (int i = 0; i < 13 * 13; i++)
        pixels[i] = (png_byte)(i * 5);
    for (int y = 0; y < 13; y++)
        rows[y] = pixels + 13 * y;
    const char *path =
        write_png("adam7.png", 13, 13, 8, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_ADAM7, rows);
    expect_pixels(path, 13, 13, pixels);
}

static void expect_bad(const char *path, const char *said)
{
    struct image image;
    assert_int_equal(image_read(&image, path), ST_FAIL);
    expect_said(said);
    assert_null(image.pixel);
}

static void test_damaged(void **state)
{
    (void)state;
    uint8_t pixels[40 * 40];
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i);
    const struct image image = {40, 40, 1, pixels};
    assert_int_equal(image_write_png(&image, scratch_path("good.png")), ST_OK);
    size_t bytes;
    char *all = scratch_read(scratch_path("good.png"), &bytes);
    expect_bad(scratch_write("bad.png", all, 4),
               "is not an image: lockstep reads PNG, JPEG, WebP and TIFF");
    for (size_t n = 8; n < bytes; n += 13)
        expect_bad(scratch_write("bad.png", all, n), "bad.png' is a PNG cut short");
    for (size_t n = 10; n < bytes - 12; n += 17) {
        all[n] ^= 0x10;
        expect_bad(scratch_write("bad.png", all, bytes), "cannot read PNG image '");
        all[n] ^= 0x10;
    }
    free(all);
    expect_bad(
        scratch_write("text.png", "not an image", 12),
        "text.png' is a text file, not an image: lockstep reads PNG, JPEG, WebP and "
        "TIFF");
    expect_bad(scratch_write("nil.png", "", 0),
               "nil.png' is an empty file, not an image");
    expect_bad(scratch_path("absent.png"), "absent.png': No such file or directory");
    expect_bad(scratch_folder, "it is a folder");
}

/* The kind is found by content, not by the name. */
static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        char bytes[17];
        const char *kind;
    } cases[] = {
        {"GIF89a", "a GIF"},
        {"BM??..\0\0\0\0", "a BMP"},
        {"\0\0\0\x18"
         "ftypavif",
         "an AVIF"},
        {"\0\0\0\x18"
         "ftypheic",
         "a HEIF"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char said[128];
        snprintf(said, sizeof said,
                 "kind.png' is %s image, which lockstep cannot read yet: convert it",
                 cases[i].kind);
        expect_bad(scratch_write("kind.png", cases[i].bytes, 16), said);
    }
    expect_bad(scratch_write("kind.png", "\xff\xd8\xff\xe0..JFIF", 10),
               "kind.png' is a JPEG cut short");
    expect_bad(scratch_write("kind.png", "RIFF....WEBPVP8 ", 16),
               "kind.png' is a WebP cut short");
    expect_bad(scratch_write("kind.png", "II*\0....", 8),
               "kind.png' is a TIFF cut short");
    expect_bad(scratch_write("kind.png", "MM\0*....", 8),
               "kind.png' is a TIFF cut short");
    expect_bad(scratch_write("kind.png", "RIFF....WAVEfmt ", 16),
               "is a sound, not an image");
    expect_bad(scratch_write("kind.png", "\xff\xd8", 2), "is not an image");
    uint8_t pixels[] = {1, 2, 3, 4};
    const struct image image = {2, 2, 1, pixels};
    assert_int_equal(image_write_png(&image, scratch_path("name.jpg")), ST_OK);
    expect_pixels(scratch_path("name.jpg"), 2, 2, pixels);
}

/* A few bytes that announce side x side pixels. */
static void expect_huge(uint16_t side, const char *reason)
{
    const uint8_t bytes[] = {0x89, 'P',  'N',  'G',  '\r', '\n', 0x1a, '\n', 0,
                             0,    0,    13,   'I',  'H',  'D',  'R',  0,    0,
                             0xea, 0x60, 0,    0,    0xea, 0x60, 8,    0,    0,
                             0,    0,    0x2f, 0xf4, 0x7c, 0x21, 0,    0,    0,
                             0,    'I',  'D',  'A',  'T',  0x35, 0xaf, 0x06, 0x1e};
    uint8_t file[sizeof bytes];
    memcpy(file, bytes, sizeof bytes);
    file[18] = file[22] = (uint8_t)(side >> 8);
    file[19] = file[23] = (uint8_t)side;
    unsigned long crc = crc32(0, file + 12, 17);
    for (int i = 0; i < 4; i++)
        file[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
    expect_bad(scratch_write("huge.png", file, sizeof file), reason);
}

static void test_huge(void **state)
{
    (void)state;
    expect_huge(60000, "too many pixels");
    expect_huge(8192, "too short for its size");
    expect_huge(300, "too short for its size"); /* 55 bytes hold 56,760 at most */
    expect_huge(200, "is a PNG cut short");
}

static void test_length_of_a_file(void **state)
{
    (void)state;
    const char *path = scratch_write("long.png", "\x89PNG\r\n\x1a\n", 8);
    assert_int_equal(truncate(path, (off_t)IMAGE_BYTES_MAX + 1), 0);
    expect_bad(path, "long.png' is too large for an image: lockstep reads up to 1.07 GB");
}

static void *write_pipe(void *path)
{
    uint8_t pixels[300 * 300];
    size_t bytes;
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * i * i >> 7);
    const struct image image = {300, 300, 1, pixels};
    if (image_write_png(&image, scratch_path("piped.png")) != ST_OK)
        return NULL;
    char *data = scratch_read(scratch_path("piped.png"), &bytes);
    FILE *file = fopen(path, "wb");
    fwrite(data, 1, bytes, file);
    fclose(file);
    free(data);
    return NULL;
}

static void test_pipe(void **state)
{
    (void)state;
    pthread_t thread;
    char path[FS_PATH];
    snprintf(path, sizeof path, "%s", scratch_path("pipe"));
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_int_equal(pthread_create(&thread, NULL, write_pipe, path), 0);
    struct image image;
    assert_int_equal(image_read(&image, path), ST_OK);
    pthread_join(thread, NULL);
    assert_int_equal(image.pixel[300 * 300 - 1],
                     (uint8_t)(89999ull * 89999 * 89999 >> 7));
    image_release(&image);
}

static void test_unwritable(void **state)
{
    (void)state;
    uint8_t pixel = 0;
    const struct image image = {1, 1, 1, &pixel};
    assert_int_equal(image_write_png(&image, scratch_path("no/such.png")), ST_FAIL);
    expect_said("such.png': No such file or directory");
}

static void expect_facts(const char *path, const struct image_options *options,
                         const uint8_t *pixels, bool laid_on_black, bool dark_range)
{
    struct image image;
    struct image_facts facts;
    assert_int_equal(image_read_file(&image, path, options, &facts), ST_OK);
    assert_memory_equal(image.pixel, pixels, (size_t)image.h * (size_t)image.w);
    assert_int_equal(facts.laid_on_black, laid_on_black);
    assert_int_equal(facts.dark_range, dark_range);
    image_release(&image);
}

static void test_range_of_16_bits(void **state)
{
    (void)state;
    png_byte samples[] = {0x00, 0x64, 0x0f, 0xff, 0x07, 0xd0}; /* 100, 4095, 2000 */
    png_bytep rows[] = {samples};
    const uint8_t full[] = {0, 16, 8}, whole[] = {0, 255, 121}, given[] = {0, 255, 128};
    struct image_options options = {.range = IMAGE_RANGE_AUTO};
    const char *path = write_png("dark.png", 3, 1, 16, PNG_COLOR_TYPE_GRAY, 0, rows);
    expect_facts(path, NULL, full, false, true);
    expect_facts(path, &options, whole, false, true);
    options =
        (struct image_options){.range = IMAGE_RANGE_GIVEN, .low = 1000, .high = 3000};
    expect_facts(path, &options, given, false, true);
    samples[2] = 0x10; /* 4351 */
    path = write_png("light.png", 3, 1, 16, PNG_COLOR_TYPE_GRAY, 0, rows);
    expect_facts(path, &options, given, false, false);
    png_byte flat[] = {1, 1, 1, 1};
    png_bytep flat_rows[] = {flat};
    const uint8_t one[] = {1, 1};
    options = (struct image_options){.range = IMAGE_RANGE_AUTO};
    path = write_png("flat.png", 2, 1, 16, PNG_COLOR_TYPE_GRAY, 0, flat_rows);
    expect_facts(path, &options, one, false, true);
}

/* White ink on nothing would be white on white. */
static void test_laid_on_black(void **state)
{
    (void)state;
    png_byte ink[] = {255, 255, 0, 0, 255, 51}, none[] = {7, 0, 9, 0};
    png_byte opaque[] = {255, 255, 255, 255};
    png_bytep rows[] = {ink}, none_rows[] = {none}, opaque_rows[] = {opaque};
    const uint8_t seen[] = {255, 0, 51}, white[] = {255, 255};
    expect_facts(write_png("i.png", 3, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, 0, rows), NULL,
                 seen, true, false);
    expect_facts(write_png("n.png", 2, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, 0, none_rows),
                 NULL, white, false, false);
    expect_facts(write_png("o.png", 2, 1, 8, PNG_COLOR_TYPE_GRAY_ALPHA, 0, opaque_rows),
                 NULL, white, false, false);
}

static void test_channels(void **state)
{
    (void)state;
    const uint8_t in[] = {255, 0, 0, 10, 10, 10}, grey[] = {76, 10};
    const uint8_t copied[] = {76, 76, 76, 10, 10, 10};
    struct image image = {1, 2, 3, malloc(6)};
    memcpy(image.pixel, in, 6);
    image_to_channels(&image, 3);
    assert_memory_equal(image.pixel, in, 6);
    assert_int_equal(image_write_png(&image, scratch_path("colour.png")), ST_OK);
    image_to_channels(&image, 1);
    assert_int_equal(image.c, 1);
    assert_memory_equal(image.pixel, grey, 2);
    image_to_channels(&image, 3);
    assert_memory_equal(image.pixel, copied, 6);
    image_release(&image);
    assert_int_equal(image_read(&image, scratch_path("colour.png")), ST_OK);
    assert_int_equal(image.c, 3);
    assert_memory_equal(image.pixel, in, 6);
    image_release(&image);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_colour_is_luma),
        cmocka_unit_test(test_transparency_is_laid_on_white),
        cmocka_unit_test(test_palette_bits_and_16_bits),
        cmocka_unit_test(test_interlaced),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_huge),
        cmocka_unit_test(test_length_of_a_file),
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_unwritable),
        cmocka_unit_test(test_range_of_16_bits),
        cmocka_unit_test(test_laid_on_black),
        cmocka_unit_test(test_channels),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
