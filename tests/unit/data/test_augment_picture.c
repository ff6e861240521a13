/* Augmentation of pictures: channels, fill, flips, crops, colours, erasing. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "augment_whole.h"
#include "data/augment.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

enum { H = 13, W = 130, SIZE = H * W * 3 }; /* wider than a strip */

static const struct shape rgb = {H, W, 3}, grey = {H, W, 1};
static const double mean[3] = {0.2, 0.5, 0.7};
static uint8_t image[SIZE];

static void fill_noise(void)
{
    struct rng rng;
    rng_init(&rng, 6, RNG_TEST, 7, 8);
    for (int i = 0; i < SIZE; i++)
        image[i] = (uint8_t)rng_below(&rng, 256);
}

static void augment(const struct augment_options *options, uint32_t epoch,
                    uint64_t sample, struct shape shape, const uint8_t *in, float *out)
{
    const struct augment_sample one = {.options = options,
                                       .seed = 3,
                                       .epoch = epoch,
                                       .sample = sample,
                                       .shape = shape,
                                       .out = shape,
                                       .mean = mean};
    augment_image(&one, in, out);
}

/* The geometry of an RGB image is that of its channels as grey images. */
static void test_channels(void **state)
{
    (void)state;
    static const struct augment_options cases[] = {
        {.shift = 2, .rotate = 30, .scale = 0.3, .shear = 0.1, .elastic = 3, .fill = 1},
        {.shift = 2, .rotate = 30, .fill = AUGMENT_FILL_BORDER},
        {.flip = AUGMENT_FLIP_RANDOM, .crop = 4, .fill = AUGMENT_FILL_BORDER},
        {.resized_crop = 0.1, .flip_vertical = true, .elastic = 1, .fill = 1},
        {.shift = 9, .rotate = 40, .elastic = 2, .fill = AUGMENT_FILL_REFLECT},
        {.crop = 4, .fill = AUGMENT_FILL_REFLECT},
    };
    static float out[SIZE], one[H * W];
    static uint8_t plane[H * W];
    for (size_t i = 0; i < LENGTH(cases); i++)
        for (uint64_t sample = 0; sample < 4; sample++) {
            augment(&cases[i], 2, sample, rgb, image, out);
            for (int k = 0; k < 3; k++) {
                for (int p = 0; p < H * W; p++)
                    plane[p] = image[3 * p + k];
                augment(&cases[i], 2, sample, grey, plane, one);
                for (int p = 0; p < H * W; p++)
                    assert_true(fabsf(out[3 * p + k] - one[p]) < 1e-4f);
            }
        }
}

/* Where everything is shifted out, only the fill is left. */
static void test_fill(void **state)
{
    (void)state;
    static float out[SIZE];
    struct augment_draw draw = {.scale = {1, 1}, .shift = {1000.25, 0}};
    for (int k = 0; k < 3; k++)
        draw.outside[k] = (float)(10 * k);
    whole_warp(&draw, rgb, image, out);
    for (int i = 0; i < SIZE; i++)
        assert_true(out[i] == (float)(10 * (i % 3)));
    draw.edge = AUGMENT_EDGE_BORDER;
    whole_warp(&draw, rgb, image, out);
    for (int y = 0; y < H; y++)
        for (int i = 0; i < W * 3; i++)
            assert_true(out[y * W * 3 + i] == image[y * W * 3 + i % 3]);
    static uint8_t white[SIZE];
    memset(white, 255, sizeof white);
    const struct augment_options turn = {.rotate = 90, .crop = 5};
    augment(&turn, 0, 1, rgb, white, out); /* border for RGB: no black corner */
    for (int i = 0; i < SIZE; i++)
        assert_true(out[i] == 255);
    augment(&turn, 0, 1, grey, white, out);
    int black = 0;
    for (int i = 0; i < H * W; i++)
        black += out[i] == 0;
    assert_true(black > 10);
    struct augment_options by_mean = turn;
    by_mean.fill = AUGMENT_FILL_MEAN;
    augment(&by_mean, 0, 1, rgb, white, out);
    for (int k = 0; k < 3; k++)
        assert_true(out[k] == (float)(255 * mean[k]));
}

/* The place in the image that two mirrors show at x. */
static int reflected(int x, int size)
{
    while (x < 0 || x >= size)
        x = x < 0 ? -x : 2 * (size - 1) - x;
    return x;
}

static void check_reflected(const float *out, int dx, int dy)
{
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++) {
            int from = reflected(y + dy, H) * W + reflected(x + dx, W);
            for (int k = 0; k < 3; k++)
                assert_true(out[(y * W + x) * 3 + k] == image[from * 3 + k]);
        }
}

/* Copied or resampled, moved a little or by several times the image's size. */
static void test_reflect(void **state)
{
    (void)state;
    static float out[SIZE], between[SIZE];
    static const int moves[][2] = {{2, -2}, {-1, 1}, {0, 40}, {-300, 5}, {129, -12}};
    for (size_t i = 0; i < LENGTH(moves); i++) {
        struct augment_draw draw = {.scale = {1, 1}, .edge = AUGMENT_EDGE_REFLECT};
        draw.crop[0] = moves[i][0];
        draw.crop[1] = moves[i][1];
        whole_warp(&draw, rgb, image, out);
        check_reflected(out, moves[i][0], moves[i][1]);
        draw.crop[0] = draw.crop[1] = 0;
        draw.shift[0] = -moves[i][0];
        draw.shift[1] = -moves[i][1];
        whole_warp(&draw, rgb, image, out);
        check_reflected(out, moves[i][0], moves[i][1]);
    }
    /* between pixels: the mean of what whole moves show */
    struct augment_draw half = {
        .scale = {1, 1}, .edge = AUGMENT_EDGE_REFLECT, .shift = {7.5, 0}};
    whole_warp(&half, rgb, image, between);
    for (int x = 0; x < W; x++) {
        float a = image[reflected(x - 8, W) * 3], b = image[reflected(x - 7, W) * 3];
        assert_true(fabsf(between[x * 3] - 0.5f * (a + b)) < 1e-3f);
    }
    /* a single row or column */
    struct augment_draw far = {
        .scale = {1, 1}, .edge = AUGMENT_EDGE_REFLECT, .crop = {1, -2}};
    const uint8_t line[3] = {1, 2, 3};
    whole_warp(&far, (struct shape){3, 1, 1}, line, out);
    assert_true(out[0] == 3 && out[1] == 2 && out[2] == 1);
    far.shift[0] = 0.25;
    whole_warp(&far, (struct shape){3, 1, 1}, line, out);
    assert_true(out[0] == 3 && out[1] == 2 && out[2] == 1);
}

static bool is_flipped(const float *out)
{
    bool plain = true, flipped = true;
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W; x++)
            for (int k = 0; k < 3; k++) {
                float found = out[(y * W + x) * 3 + k];
                plain = plain && found == image[(y * W + x) * 3 + k];
                flipped = flipped && found == image[(y * W + W - 1 - x) * 3 + k];
            }
    assert_true(plain != flipped);
    return flipped;
}

static void test_flips(void **state)
{
    (void)state;
    static float out[SIZE];
    const struct augment_options random = {.flip = AUGMENT_FLIP_RANDOM};
    const struct augment_options alternate = {.flip = AUGMENT_FLIP_ALTERNATE};
    int count = 0, first = 0, equal = 0;
    for (uint64_t sample = 0; sample < 200; sample++) {
        augment(&random, 0, sample, rgb, image, out);
        bool flip = is_flipped(out);
        count += flip;
        augment(&random, 1, sample, rgb, image, out);
        equal += is_flipped(out) == flip;
        augment(&alternate, 0, sample, rgb, image, out);
        flip = is_flipped(out);
        first += flip;
        for (uint32_t epoch = 1; epoch < 4; epoch++) {
            augment(&alternate, epoch, sample, rgb, image, out);
            assert_true(is_flipped(out) == (flip ^ (epoch & 1)));
        }
    }
    assert_true(count > 70 && count < 130 && first > 70 && first < 130);
    assert_true(equal > 70 && equal < 130);
}

/* Every offset occurs; pixels are copied, and what is outside is the border. */
static void test_crop(void **state)
{
    (void)state;
    static float out[SIZE];
    const struct augment_options options = {.crop = 2};
    int seen[5][5] = {{0}}, kinds = 0;
    for (uint64_t sample = 0; sample < 400; sample++) {
        struct augment_draw draw;
        whole_draw(&options, 3, 0, sample, &draw);
        int dx = draw.crop[0], dy = draw.crop[1];
        assert_in_range(dx + 2, 0, 4);
        assert_in_range(dy + 2, 0, 4);
        kinds += seen[dy + 2][dx + 2]++ == 0;
        augment(&options, 0, sample, rgb, image, out);
        for (int y = 0; y < H; y++)
            for (int x = 0; x < W; x++) {
                int sx = x + dx, sy = y + dy;
                sx = sx < 0 ? 0 : sx < W ? sx : W - 1;
                sy = sy < 0 ? 0 : sy < H ? sy : H - 1;
                assert_true(out[(y * W + x) * 3] == image[(sy * W + sx) * 3]);
            }
    }
    assert_int_equal(kinds, 25);
}

/* The box lies inside, and a part of a ramp is a flatter ramp. */
static void test_resized_crop(void **state)
{
    (void)state;
    const struct augment_options options = {.resized_crop = 0.25,
                                            .fill = AUGMENT_FILL_BORDER};
    static uint8_t ramp[H * W];
    static float out[H * W];
    double least = 1, most = 0;
    for (int p = 0; p < H * W; p++)
        ramp[p] = (uint8_t)(p % W);
    for (uint64_t sample = 0; sample < 100; sample++) {
        struct augment_draw draw;
        whole_draw(&options, 3, 0, sample, &draw);
        const struct augment_box *box = &draw.box;
        double area = box->w * box->h;
        least = fmin(least, area);
        most = fmax(most, area);
        assert_true(box->x >= 0 && box->y >= 0 && box->x + box->w <= 1 + 1e-12 &&
                    box->y + box->h <= 1 + 1e-12);
        augment(&options, 0, sample, grey, ramp, out);
        for (int x = 1; x < W - 1; x++) {
            double wanted = box->x * W + (x + 0.5) * box->w - 0.5;
            assert_true(fabs((double)out[5 * W + x] - wanted) < 1e-2 || wanted < 0 ||
                        wanted > W - 1);
        }
    }
    assert_true(least < 0.4 && least > 0.2 && most > 0.85);
}

static void test_colour(void **state)
{
    (void)state;
    const struct shape one = {1, 1, 3};
    struct augment_draw draw = {.hue = 1. / 3};
    float x[3] = {200, 50, 50};
    augment_colour(&draw, one, x); /* red turns to green */
    assert_true(fabsf(x[0] - 50) < 0.01f && fabsf(x[1] - 200) < 0.01f &&
                fabsf(x[2] - 50) < 0.01f);
    float y[3] = {10, 90, 60};
    draw.hue = -0.25;
    for (int i = 0; i < 4; i++)
        augment_colour(&draw, one, y);
    assert_true(fabsf(y[0] - 10) < 0.01f && fabsf(y[1] - 90) < 0.01f &&
                fabsf(y[2] - 60) < 0.01f);
    float z[3] = {100, 150, 250};
    draw = (struct augment_draw){.brightness = 1.5};
    augment_colour(&draw, one, z);
    assert_true(z[0] == 150 && z[1] == 225 && z[2] == 255);
    float s[3] = {255, 0, 0}, luma = 0.299f * 255;
    draw = (struct augment_draw){.saturation = 0.5};
    augment_colour(&draw, one, s);
    assert_true(fabsf(s[0] - (255 + luma) / 2) < 0.01f && fabsf(s[1] - luma / 2) < 0.01f);
    const struct shape two = {1, 2, 1};
    float c[2] = {100, 200};
    draw = (struct augment_draw){.contrast = 0.5};
    augment_colour(&draw, two, c);
    assert_true(fabsf(c[0] - 125) < 0.01f && fabsf(c[1] - 175) < 0.01f);
}

static void test_erase(void **state)
{
    (void)state;
    static float out[SIZE];
    const struct augment_options options = {.erase = 0.5};
    int erased = 0;
    for (uint64_t sample = 0; sample < 200; sample++) {
        int changed = 0;
        augment(&options, 0, sample, rgb, image, out);
        for (int p = 0; p < H * W; p++) {
            bool same = true, gone = true;
            for (int k = 0; k < 3; k++) {
                same = same && out[3 * p + k] == image[3 * p + k];
                gone = gone && out[3 * p + k] == (float)(255 * mean[k]);
            }
            assert_true(same || gone);
            changed += gone;
        }
        erased += changed > 0;
        assert_true(changed < 0.45 * H * W);
    }
    assert_true(erased > 70 && erased < 130);
}

/* One option does not change what the others draw; old ones draw what they always did. */
static void test_independent(void **state)
{
    (void)state;
    const struct augment_options few = {.shift = 2, .crop = 3},
                                 many = {.shift = 2,
                                         .crop = 3,
                                         .flip = AUGMENT_FLIP_RANDOM,
                                         .resized_crop = 0.1,
                                         .brightness = 0.2,
                                         .contrast = 0.3,
                                         .saturation = 0.4,
                                         .hue = 0.1,
                                         .erase = 0.5};
    for (uint64_t sample = 0; sample < 20; sample++) {
        struct augment_draw a, b;
        struct rng rng;
        whole_draw(&few, 9, 1, sample, &a);
        whole_draw(&many, 9, 1, sample, &b);
        assert_memory_equal(a.shift, b.shift, sizeof a.shift);
        assert_memory_equal(a.crop, b.crop, sizeof a.crop);
        rng_init(&rng, 9, RNG_AUGMENT, 1, sample);
        assert_true(a.shift[0] == 2 * (2.0 * (double)rng_uniform(&rng) - 1.0));
    }
}

/* A share of the output's side is so many pixels. */
static void test_shares(void **state)
{
    (void)state;
    const struct augment_options share = {.shift_share = 0.125}, pixels = {.shift = 1};
    struct augment_sample sample = {
        .options = &share, .shape = {100, 100, 1}, .out = {80, 40, 1}};
    struct augment_draw draw, one;
    assert_true(augment_enabled(&share));
    for (sample.sample = 0; sample.sample < 10; sample.sample++) {
        sample.options = &share;
        augment_draw(&sample, &draw);
        sample.options = &pixels;
        augment_draw(&sample, &one);
        assert_true(draw.shift[0] == 5 * one.shift[0]);
        assert_true(draw.shift[1] == 10 * one.shift[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_channels),    cmocka_unit_test(test_fill),
        cmocka_unit_test(test_reflect),     cmocka_unit_test(test_flips),
        cmocka_unit_test(test_crop),        cmocka_unit_test(test_resized_crop),
        cmocka_unit_test(test_colour),      cmocka_unit_test(test_erase),
        cmocka_unit_test(test_independent), cmocka_unit_test(test_shares),
    };
    fill_noise();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
