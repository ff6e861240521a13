/* cmocka's own needs, in its order */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "io/image.h"

static void fit_channels(enum image_fit how, struct image image, int h, int w,
                         uint8_t *out)
{
    const uint8_t background[3] = {9, 9, 9};
    image_fit(&image, how, how == IMAGE_PAD ? background : NULL, h, w, out);
}

/* (h, w, c), not freed; no test writes to it. */
static struct image fit_image(int h, int w, int c, const uint8_t *pixel)
{
    return (struct image){h, w, c, (uint8_t *)(uintptr_t)pixel};
}

static void fit(int ih, int iw, const uint8_t *in, int h, int w, uint8_t *out)
{
    fit_channels(IMAGE_PAD, fit_image(ih, iw, 1, in), h, w, out);
}

static void test_fit_same_size(void **state)
{
    (void)state;
    const uint8_t in[] = {1, 2, 3, 4, 5, 255};
    uint8_t out[6];
    fit(2, 3, in, 2, 3, out);
    assert_memory_equal(out, in, 6);
}

static void test_fit_shrinks_by_area(void **state)
{
    (void)state;
    const uint8_t in[] = {0, 100, 200, 200, 100, 200, 200, 200, 0, 0, 4, 4, 0, 0, 4, 8};
    const uint8_t expected[] = {100, 200, 0, 5};
    uint8_t out[4];
    fit(4, 4, in, 2, 2, out);
    assert_memory_equal(out, expected, 4);
    const uint8_t three[] = {0, 90, 240}; /* thirds: (0 + 90/2) / 1.5, (45 + 240) / 1.5 */
    const uint8_t two[] = {30, 190};
    fit(1, 3, three, 1, 2, out);
    assert_memory_equal(out, two, 2);
}

static void test_fit_grows_bilinearly(void **state)
{
    (void)state;
    const uint8_t in[] = {0, 100}, expected[] = {0, 25, 75, 100};
    uint8_t out[8];
    fit(1, 2, in, 2, 4, out);
    assert_memory_equal(out, expected, 4);
    assert_memory_equal(out + 4, expected, 4);
}

static void test_fit_keeps_the_aspect(void **state)
{
    (void)state;
    uint8_t in[8 * 2], out[4 * 4];
    memset(in, 200, sizeof in);
    fit(8, 2, in, 4, 4, out); /* becomes 4 x 1 in the middle */
    for (int y = 0; y < 4; y++) {
        for (int x = 0; x < 4; x++)
            assert_int_equal(out[4 * y + x], x == 1 ? 200 : 9);
    }
    uint8_t line[1000];
    memset(line, 7, sizeof line);
    fit(1, 1000, line, 4, 4, out); /* at least one pixel high */
    assert_int_equal(out[4], 7);
    assert_int_equal(out[0], 9);
}

/* Each channel is scaled as if it were alone. */
static void test_fit_channels_are_apart(void **state)
{
    (void)state;
    enum { H = 23, W = 31, N = H * W, OH = 10, OW = 40 };
    uint8_t in[3 * N], plane[N], out[3 * OH * OW], alone[OH * OW];
    for (int i = 0; i < 3 * N; i++)
        in[i] = (uint8_t)(i * i / 7);
    for (int how = IMAGE_PAD; how <= IMAGE_STRETCH; how++) {
        fit_channels((enum image_fit)how, fit_image(H, W, 3, in), OH, OW, out);
        for (int k = 0; k < 3; k++) {
            for (int i = 0; i < N; i++)
                plane[i] = in[3 * i + k];
            fit_channels((enum image_fit)how, fit_image(H, W, 1, plane), OH, OW, alone);
            for (int i = 0; i < OH * OW; i++)
                assert_int_equal(out[3 * i + k], alone[i]);
        }
    }
}

static void test_fit_crops_the_middle(void **state)
{
    (void)state;
    const uint8_t in[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, middle[] = {2, 3, 4, 7, 8, 9};
    const uint8_t wide[] = {0, 10, 20, 30, 40, 50, 60, 70}, half[] = {25, 45};
    uint8_t out[6];
    fit_channels(IMAGE_CROP, fit_image(2, 5, 1, in), 2, 3, out); /* no scaling */
    assert_memory_equal(out, middle, 6);
    const uint8_t rows[] = {0, 10, 20, 30, 40, 50, 60, 70, 0, 10, 20, 30, 40, 50, 60, 70};
    fit_channels(IMAGE_CROP, fit_image(2, 8, 1, rows), 1, 2,
                 out); /* 1 x 4, then its middle */
    assert_memory_equal(out, half, 2);
    fit_channels(IMAGE_CROP, fit_image(8, 1, 1, wide), 1, 1,
                 out); /* no more than one of eight rows */
    assert_int_equal(out[0], 30);
}

static void test_fit_stretches(void **state)
{
    (void)state;
    const uint8_t in[] = {0, 100, 200, 40}, out_expected[] = {0, 0, 100, 100};
    uint8_t out[4];
    fit_channels(IMAGE_STRETCH, fit_image(1, 2, 1, in), 2, 2, out);
    const uint8_t both[] = {0, 100, 0, 100};
    assert_memory_equal(out, both, 4);
    fit_channels(IMAGE_STRETCH, fit_image(2, 1, 1, in), 2, 2, out);
    assert_memory_equal(out, out_expected, 4);
    fit_channels(IMAGE_STRETCH, fit_image(1, 4, 1, in), 1, 2, out);
    assert_int_equal(out[0], 50);
    assert_int_equal(out[1], 120);
}

/* Without a background, the frame has the mean colour of the border. */
static void test_fit_pads_with_the_border(void **state)
{
    (void)state;
    uint8_t in[3 * 3 * 2], out[3 * 3 * 3];
    for (int i = 0; i < 6; i++) {
        in[3 * i] = 10;
        in[3 * i + 1] = (uint8_t)(i < 3 ? 0 : 101); /* mean 50.5, rounded up */
        in[3 * i + 2] = 250;
    }
    const struct image image = {3, 2, 3, in};
    image_fit(&image, IMAGE_PAD, NULL, 3, 3, out);
    const uint8_t frame[] = {10, 51, 250};
    for (int y = 0; y < 3; y++) {
        assert_memory_equal(out + 9 * y, in + 6 * y, 6);
        assert_memory_equal(out + 9 * y + 6, frame, 3);
    }
}

/* The longest and thinnest images there are. */
static void test_fit_extremes(void **state)
{
    (void)state;
    uint8_t *line = malloc(IMAGE_SIDE_MAX), out[50 * 50];
    memset(line, 77, IMAGE_SIDE_MAX);
    for (int how = IMAGE_PAD; how <= IMAGE_STRETCH; how++) {
        fit_channels((enum image_fit)how, fit_image(1, IMAGE_SIDE_MAX, 1, line), 50, 50,
                     out);
        assert_int_equal(out[25 * 50 + 25], how == IMAGE_PAD ? 9 : 77);
        fit_channels((enum image_fit)how, fit_image(IMAGE_SIDE_MAX, 1, 1, line), 50, 50,
                     out);
        assert_int_equal(out[25 * 50 + 24], 77);
    }
    free(line);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fit_same_size),
        cmocka_unit_test(test_fit_shrinks_by_area),
        cmocka_unit_test(test_fit_grows_bilinearly),
        cmocka_unit_test(test_fit_keeps_the_aspect),
        cmocka_unit_test(test_fit_channels_are_apart),
        cmocka_unit_test(test_fit_crops_the_middle),
        cmocka_unit_test(test_fit_stretches),
        cmocka_unit_test(test_fit_pads_with_the_border),
        cmocka_unit_test(test_fit_extremes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
