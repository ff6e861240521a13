/* Every reader, beside Pillow: make_images.py writes the images and what must be read. */
#include "../scratch.h"

#include <pthread.h>
#include <sys/wait.h>

#include "io/image.h"

#define NO_PILLOW 77 /* exit status of make_images.py */
#define THREADS   4

static char **readers_names;
static int readers_count;

static bool readers_ends_in(const char *name, const char *ending)
{
    size_t n = strlen(name), m = strlen(ending);
    return n > m && strcmp(name + n - m, ending) == 0;
}

static int readers_setup(void **state)
{
    char command[2 * FS_PATH];
    if (scratch_setup(state) != 0)
        return -1;
    snprintf(command, sizeof command,
             "/usr/bin/python3 tests/unit/io/make_images.py '%s'", scratch_folder);
    int status = system(command);
    if (!WIFEXITED(status))
        return -1;
    if (WEXITSTATUS(status) == NO_PILLOW || WEXITSTATUS(status) == 127)
        return 0;
    if (status != 0)
        return -1;
    return fs_list(scratch_folder, &readers_names, &readers_count) == ST_OK ? 0 : -1;
}

static int readers_teardown(void **state)
{
    fs_free_list(readers_names, readers_count);
    return scratch_teardown(state);
}

static void readers_need_pillow(void)
{
    if (readers_count == 0)
        skip();
}

/* What NAME.raw says, for NAME.img. */
static struct image readers_expected(const char *name)
{
    struct image image;
    char path[256];
    size_t bytes;
    int head;
    snprintf(path, sizeof path, "%.*s.raw", (int)(strlen(name) - 4), name);
    char *raw = scratch_read(scratch_path(path), &bytes);
    assert_int_equal(sscanf(raw, "%d %d %d%n", &image.h, &image.w, &image.c, &head), 3);
    head++; /* the newline: %n with a blank would skip pixels that look like blanks */
    size_t n = (size_t)image.h * (size_t)image.w * (size_t)image.c;
    assert_int_equal(bytes, (size_t)head + n);
    image.pixel = malloc(n);
    memcpy(image.pixel, raw + head, n);
    free(raw);
    return image;
}

/* NULL, or what differs. */
static const char *readers_difference(const struct image *image,
                                      const struct image *expected)
{
    static _Thread_local char text[128];
    if (image->h != expected->h || image->w != expected->w || image->c != expected->c) {
        snprintf(text, sizeof text, "is %d x %d x %d, not %d x %d x %d", image->h,
                 image->w, image->c, expected->h, expected->w, expected->c);
        return text;
    }
    for (int i = 0; i < image->h * image->w * image->c; i++)
        if (image->pixel[i] != expected->pixel[i]) {
            snprintf(text, sizeof text, "sample %d is %d, not %d", i, image->pixel[i],
                     expected->pixel[i]);
            return text;
        }
    return NULL;
}

static void test_same_as_pillow(void **state)
{
    (void)state;
    int seen = 0, wrong = 0;
    readers_need_pillow();
    for (int i = 0; i < readers_count; i++) {
        struct image image, expected;
        if (!readers_ends_in(readers_names[i], ".img"))
            continue;
        assert_int_equal(image_read(&image, scratch_path(readers_names[i])), ST_OK);
        expected = readers_expected(readers_names[i]);
        const char *difference = readers_difference(&image, &expected);
        if (difference)
            print_error("%s: %s\n", readers_names[i], difference);
        wrong += difference != NULL;
        seen++;
        image_release(&image);
        image_release(&expected);
    }
    assert_int_equal(wrong, 0);
    assert_true(seen > 100);
}

static void *readers_read_all(void *wrong)
{
    for (int i = 0; i < readers_count; i++) {
        struct image image;
        char path[FS_PATH];
        if (!readers_ends_in(readers_names[i], ".img"))
            continue;
        snprintf(path, sizeof path, "%s/%s", scratch_folder, readers_names[i]);
        if (image_read(&image, path) != ST_OK)
            ++*(int *)wrong;
        image_release(&image);
    }
    return NULL;
}

static void test_several_threads(void **state)
{
    (void)state;
    pthread_t thread[THREADS];
    int wrong[THREADS] = {0};
    readers_need_pillow();
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, readers_read_all, &wrong[i]),
                         0);
    for (int i = 0; i < THREADS; i++) {
        pthread_join(thread[i], NULL);
        assert_int_equal(wrong[i], 0);
    }
}

/* Cut to a part of its length, a file is refused, and one line says so. */
static void expect_cut(const char *name, const char *kind)
{
    size_t bytes;
    struct image image;
    char said[64];
    char *data = scratch_read(scratch_path(name), &bytes);
    snprintf(said, sizeof said, "b.png' is a %s cut short", kind);
    for (size_t n = bytes / 2; n < bytes - 1; n += bytes / 7) {
        const char *path = scratch_write("b.png", data, n);
        assert_int_equal(image_read(&image, path), ST_FAIL);
        assert_null(image.pixel);
        expect_said(said);
    }
    for (size_t n = 16; n < bytes / 2; n += 1 + bytes / 31) {
        const char *path = scratch_write("b.png", data, n);
        assert_int_equal(image_read(&image, path), ST_FAIL);
        expect_said("b.png");
    }
    free(data);
}

static void test_cut_short(void **state)
{
    (void)state;
    readers_need_pillow();
    expect_cut("png-RGB.img", "PNG");
    expect_cut("jpeg-rgb-2.img", "JPEG");
    expect_cut("jpeg-rgb-0-progressive.img", "JPEG");
    expect_cut("jpeg-grey.img", "JPEG");
    expect_cut("webp-lossless.img", "WebP");
    expect_cut("webp-lossy-80.img", "WebP");
    expect_cut("tiff-strips.img", "TIFF");
    expect_cut("tiff-planes.img", "TIFF");
}

/* Whatever is changed in a file: it is read or refused, with one line. */
static void test_damaged(void **state)
{
    (void)state;
    const char *names[] = {"jpeg-rgb-2.img", "webp-lossy-alpha.img",
                           "tiff-rgb-tiff_lzw.img", "tiff-1-group4.img",
                           "tiff-jpeg-RGB.img"};
    readers_need_pillow();
    for (size_t k = 0; k < sizeof names / sizeof *names; k++) {
        size_t bytes;
        char *data = scratch_read(scratch_path(names[k]), &bytes);
        for (size_t at = 4; at < bytes; at += 1 + bytes / 200) {
            struct image image;
            data[at] ^= 0x35;
            enum status st = image_read(&image, scratch_write("b", data, bytes));
            data[at] ^= 0x35;
            if (st == ST_OK)
                image_release(&image);
            else
                expect_said("b'");
        }
        free(data);
    }
}

static void test_facts(void **state)
{
    (void)state;
    struct image image;
    struct image_facts facts;
    readers_need_pillow();
    const struct {
        const char *name;
        struct image_facts facts;
    } cases[] = {
        {"png-LA.img",
         {.kind = "PNG", .bits = 8, .file_h = 29, .file_w = 37, .was_transparent = true}},
        {"png-16-rgb.img", {.kind = "PNG", .bits = 16, .file_h = 7, .file_w = 11}},
        {"jpeg-grey.img", {.kind = "JPEG", .bits = 8, .file_h = 43, .file_w = 61}},
        {"turned-jpeg-6.img",
         {.kind = "JPEG",
          .bits = 8,
          .file_h = 45,
          .file_w = 70,
          .orientation_applied = true}},
        {"turned-tiff-1.img", {.kind = "TIFF", .bits = 8, .file_h = 45, .file_w = 70}},
        {"tiff-pages.img",
         {.kind = "TIFF",
          .bits = 8,
          .first_of_several = true,
          .file_h = 29,
          .file_w = 37}},
        {"tiff-1-group4.img", {.kind = "TIFF", .bits = 1, .file_h = 29, .file_w = 37}},
        {"webp-alpha.img",
         {.kind = "WebP",
          .bits = 8,
          .file_h = 29,
          .file_w = 37,
          .was_transparent = true}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = scratch_path(cases[i].name);
        const struct image_facts *expected = &cases[i].facts;
        assert_int_equal(image_read_file(&image, path, NULL, &facts), ST_OK);
        assert_string_equal(facts.kind, expected->kind);
        assert_int_equal(facts.bits, expected->bits);
        assert_int_equal(facts.first_of_several, expected->first_of_several);
        assert_int_equal(facts.file_h, expected->file_h);
        assert_int_equal(facts.file_w, expected->file_w);
        assert_int_equal(facts.was_transparent, expected->was_transparent);
        assert_int_equal(facts.laid_on_black, expected->laid_on_black);
        assert_int_equal(facts.orientation_applied, expected->orientation_applied);
        assert_int_equal(facts.dark_range, expected->dark_range);
        image_release(&image);
    }
}

/* NAME.bad: refused, with what NAME.says has. */
static void test_refused(void **state)
{
    (void)state;
    int seen = 0;
    readers_need_pillow();
    for (int i = 0; i < readers_count; i++) {
        struct image image;
        size_t bytes;
        char says[256];
        const char *name = readers_names[i];
        if (!readers_ends_in(name, ".bad"))
            continue;
        snprintf(says, sizeof says, "%.*s.says", (int)(strlen(name) - 4), name);
        char *text = scratch_read(scratch_path(says), &bytes);
        assert_int_equal(image_read(&image, scratch_path(name)), ST_FAIL);
        assert_null(image.pixel);
        expect_said(text);
        free(text);
        seen++;
    }
    assert_true(seen > 10);
}

/* 70 x 45, turned to 45 x 70. */
static void test_scaled_decoding(void **state)
{
    (void)state;
    const struct {
        int least_h, least_w, h, w;
    } cases[] = {{0, 0, 70, 45},   {70, 1, 70, 45}, {36, 1, 70, 45}, {35, 1, 35, 23},
                 {35, 24, 70, 45}, {1, 1, 9, 6},    {9, 7, 18, 12},  {90, 90, 70, 45}};
    readers_need_pillow();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct image image;
        const struct image_options options = {.least_h = cases[i].least_h,
                                              .least_w = cases[i].least_w};
        assert_int_equal(
            image_read_file(&image, scratch_path("turned-jpeg-6.img"), &options, NULL),
            ST_OK);
        assert_int_equal(image.h, cases[i].h);
        assert_int_equal(image.w, cases[i].w);
        image_release(&image);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_same_as_pillow),  cmocka_unit_test(test_several_threads),
        cmocka_unit_test(test_cut_short),       cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_refused),         cmocka_unit_test(test_facts),
        cmocka_unit_test(test_scaled_decoding),
    };
    return cmocka_run_group_tests(tests, readers_setup, readers_teardown);
}
