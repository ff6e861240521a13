/* The operations of RandAugment, and which ones an image gets. The values by hand were
   compared with Pillow's, which cuts off what is rounded here. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../golden.h"
#include "data/augment.h"
#include "data/randaugment.h"

enum { H = 9, W = 14, SIZE = H * W * 3, MANY = 1020 };

static const struct shape rgb = {H, W, 3}, grey = {H, W, 1}, line = {1, 5, 1};
static const struct augment_draw black = {.edge = AUGMENT_EDGE_COLOUR};

static void fill_noise(float *x, int size)
{
    struct rng rng;
    rng_init(&rng, 6, RNG_TEST, 7, 8);
    for (int i = 0; i < size; i++)
        x[i] = (float)rng_below(&rng, 256);
}

static void apply(enum randaugment_kind kind, double strength, struct shape shape,
                  float *x)
{
    static uint8_t bytes[SIZE];
    const struct randaugment_op op = {kind, strength};
    randaugment_apply(&op, &black, shape, bytes, x);
}

/* On five grey pixels. */
static void check_line(enum randaugment_kind kind, double strength, const float from[5],
                       const float to[5])
{
    float x[5];
    memcpy(x, from, sizeof x);
    apply(kind, strength, line, x);
    for (int i = 0; i < 5; i++)
        assert_true(x[i] == to[i]);
}

/* At magnitude 0, and always on whole values from 0 to 255. */
static void test_identity(void **state)
{
    (void)state;
    static float before[SIZE], x[SIZE];
    const struct shape shapes[] = {rgb, grey};
    fill_noise(before, SIZE);
    for (int s = 0; s < 2; s++)
        for (int kind = 0; kind < RANDAUGMENT_KINDS; kind++) {
            memcpy(x, before, sizeof x);
            apply(kind, 0, shapes[s], x);
            bool same = memcmp(x, before, sizeof x) == 0;
            bool free = kind == RANDAUGMENT_AUTOCONTRAST || kind == RANDAUGMENT_EQUALIZE;
            assert_true(same || free);
            apply(kind, -0.7, shapes[s], x);
            for (int i = 0; i < shape_size(shapes[s]); i++)
                assert_true(x[i] >= 0 && x[i] <= 255 && x[i] == floorf(x[i]));
        }
}

static void test_autocontrast(void **state)
{
    (void)state;
    /* (x - 50) 255 / 100 */
    check_line(RANDAUGMENT_AUTOCONTRAST, 0.5, (float[]){50, 60, 100, 149, 150},
               (float[]){0, 26, 128, 252, 255});
    check_line(RANDAUGMENT_AUTOCONTRAST, 0.5, (float[]){7, 7, 7, 7, 7},
               (float[]){7, 7, 7, 7, 7});
    check_line(RANDAUGMENT_AUTOCONTRAST, 0.5, (float[]){0, 1, 2, 3, 255},
               (float[]){0, 1, 2, 3, 255});
}

/* 1020 pixels, the last value on 255 of them: (1020 - 255) / 255 = 3 pixels a step. Below
   the values are 1, 1 + 510 and 1 + 765 pixels. */
static void test_equalize(void **state)
{
    (void)state;
    static float x[MANY];
    static uint8_t bytes[MANY];
    const struct randaugment_op op = {RANDAUGMENT_EQUALIZE, 0.5};
    for (int i = 0; i < MANY; i++)
        x[i] = i % 4 < 2 ? 90.0f : i % 4 == 2 ? 91.0f : 200.0f;
    randaugment_apply(&op, &black, (struct shape){30, 34, 1}, bytes, x);
    for (int i = 0; i < MANY; i++)
        assert_true(x[i] == (i % 4 < 2 ? 0.0f : i % 4 == 2 ? 170.0f : 255.0f));
    /* too few pixels for 255 steps, as in Pillow */
    check_line(RANDAUGMENT_EQUALIZE, 0.5, (float[]){50, 60, 100, 149, 150},
               (float[]){50, 60, 100, 149, 150});
}

static void test_values(void **state)
{
    (void)state;
    const float from[] = {0, 63, 127, 128, 255};
    check_line(RANDAUGMENT_SOLARIZE, 0.5, from, (float[]){0, 63, 127, 127, 0});
    check_line(RANDAUGMENT_SOLARIZE, -0.5, from, (float[]){0, 63, 127, 127, 0});
    check_line(RANDAUGMENT_SOLARIZE, 1, from, (float[]){255, 192, 128, 127, 0});
    check_line(RANDAUGMENT_POSTERIZE, 1, from, (float[]){0, 48, 112, 128, 240});
    check_line(RANDAUGMENT_POSTERIZE, 0.5, from, (float[]){0, 60, 124, 128, 252});
    check_line(RANDAUGMENT_POSTERIZE, -0.1, from, from); /* 8 - round(0.4) bits */
    /* times 1.9 and 0.1; the mean of the image is 114.6 */
    check_line(RANDAUGMENT_BRIGHTNESS, 1, from, (float[]){0, 120, 241, 243, 255});
    check_line(RANDAUGMENT_BRIGHTNESS, -1, from, (float[]){0, 6, 13, 13, 26});
    check_line(RANDAUGMENT_CONTRAST, 1, from, (float[]){0, 17, 138, 140, 255});
    check_line(RANDAUGMENT_CONTRAST, -1, from, (float[]){103, 109, 116, 116, 129});
    check_line(RANDAUGMENT_COLOR, 1, from, from);
}

static void test_color(void **state)
{
    (void)state;
    const struct shape pixel = {1, 1, 3};
    float x[] = {200, 100, 50}; /* luma 124.2 */
    apply(RANDAUGMENT_COLOR, -1, pixel, x);
    assert_true(x[0] == 132 && x[1] == 122 && x[2] == 117);
    float y[] = {200, 100, 50};
    apply(RANDAUGMENT_COLOR, 0.5, pixel, y);
    assert_true(y[0] == 234 && y[1] == 89 && y[2] == 17);
}

/* A white pixel in the middle of black ones: smoothed 255 * 5 / 13 = 98 there, 255 / 13 =
   20 around it. */
static void test_sharpness(void **state)
{
    (void)state;
    const struct shape shape = {5, 5, 1};
    for (int way = -1; way <= 1; way += 2) {
        float x[25] = {[12] = 255};
        apply(RANDAUGMENT_SHARPNESS, way, shape, x);
        for (int i = 0; i < 25; i++) {
            bool inner = i / 5 % 4 != 0 && i % 5 % 4 != 0;
            float wanted = i == 12 ? (way < 0 ? 114.0f : 255.0f)
                           : inner ? (way < 0 ? 18.0f : 0.0f)
                                   : 0;
            assert_true(x[i] == wanted); /* the outermost ones stay */
        }
    }
    const struct shape thin = {2, 5, 1};
    float x[10] = {1, 200, 3, 4, 5, 6, 7, 8, 9, 250}, before[10];
    memcpy(before, x, sizeof x);
    apply(RANDAUGMENT_SHARPNESS, 1, thin, x);
    assert_memory_equal(x, before, sizeof x);
}

/* +-150/331 of 14 columns are 6.3 pixels, of 9 rows 4.1; what comes in is black. */
static void test_translate(void **state)
{
    (void)state;
    static float before[SIZE], x[SIZE];
    for (int way = -1; way <= 1; way += 2)
        for (int axis = 0; axis < 2; axis++) {
            int dx = axis == 0 ? 6 * way : 0, dy = axis == 1 ? 4 * way : 0;
            fill_noise(before, SIZE);
            memcpy(x, before, sizeof x);
            apply(axis ? RANDAUGMENT_TRANSLATE_Y : RANDAUGMENT_TRANSLATE_X, way, rgb, x);
            for (int i = 0; i < SIZE; i++) {
                int column = i / 3 % W - dx, row = i / 3 / W - dy;
                bool inside = column >= 0 && column < W && row >= 0 && row < H;
                float wanted = inside ? before[(row * W + column) * 3 + i % 3] : 0;
                assert_true(x[i] == wanted);
            }
        }
}

/* Shears move a row (a column) by k times its distance from the centre: with k = 0.3 by 3
   pixels at distance 10. */
static void test_shear(void **state)
{
    (void)state;
    enum { SIDE = 21 };
    const struct shape square = {SIDE, SIDE, 1};
    static uint8_t bytes[SIDE * SIDE];
    for (int axis = 0; axis < 2; axis++) {
        static float x[SIDE * SIDE];
        const struct randaugment_op op = {
            axis ? RANDAUGMENT_SHEAR_Y : RANDAUGMENT_SHEAR_X, 1};
        for (int i = 0; i < SIDE * SIDE; i++) /* a bar through the middle */
            x[i] = (axis ? i / SIDE : i % SIDE) == SIDE / 2 ? 255.0f : 0.0f;
        randaugment_apply(&op, &black, square, bytes, x);
        for (int far = -10; far <= 10; far += 10) {
            int along = 10 + far, across = 10 + far * 3 / 10;
            assert_true(x[axis ? across * SIDE + along : along * SIDE + across] == 255);
        }
    }
}

/* 30 degrees: the pixel 10 to the right of the centre goes to (8.66, 5). */
static void test_rotate(void **state)
{
    (void)state;
    enum { SIDE = 41 };
    static uint8_t bytes[SIDE * SIDE];
    static float x[SIDE * SIDE];
    const struct randaugment_op op = {RANDAUGMENT_ROTATE, 1};
    double sum = 0, right = 0, down = 0;
    memset(x, 0, sizeof x);
    x[20 * SIDE + 30] = 255;
    randaugment_apply(&op, &black, (struct shape){SIDE, SIDE, 1}, bytes, x);
    for (int i = 0; i < SIDE * SIDE; i++) {
        sum += (double)x[i];
        right += (double)x[i] * (i % SIDE - 20);
        down += (double)x[i] * (i / SIDE - 20);
    }
    assert_true(sum > 200 && fabs(right / sum - 8.66) < 0.1 &&
                fabs(down / sum - 5) < 0.1);
}

/* What is outside follows the fill. */
static void test_outside(void **state)
{
    (void)state;
    static uint8_t bytes[SIZE];
    static float x[SIZE];
    struct augment_draw draw = {.edge = AUGMENT_EDGE_COLOUR, .outside = {10, 20, 30}};
    const struct randaugment_op op = {RANDAUGMENT_TRANSLATE_X, 1};
    fill_noise(x, SIZE);
    randaugment_apply(&op, &draw, rgb, bytes, x);
    for (int k = 0; k < 3; k++)
        assert_true(x[k] == draw.outside[k]);
    draw.edge = AUGMENT_EDGE_BORDER;
    fill_noise(x, SIZE);
    float first = x[0];
    randaugment_apply(&op, &draw, rgb, bytes, x);
    assert_true(x[0] == first && x[3] == first && x[18] == first);
}

/* All operations come up about equally often, and both directions. */
static void test_draws(void **state)
{
    (void)state;
    enum { DRAWS = 14000 };
    int count[RANDAUGMENT_KINDS] = {0}, back = 0;
    struct rng rng;
    rng_init(&rng, 1, RNG_OPS, 2, 3);
    for (int i = 0; i < DRAWS; i++) {
        struct randaugment_op op = randaugment_next(&rng, 3);
        assert_true(fabs(op.strength) == 0.3);
        count[op.kind]++;
        back += op.strength < 0;
    }
    for (int kind = 0; kind < RANDAUGMENT_KINDS; kind++)
        assert_true(count[kind] > 800 && count[kind] < 1200);
    assert_true(abs(back - DRAWS / 2) < 400);
}

static void augment_as(struct shape shape, const struct augment_options *options,
                       uint64_t seed, uint32_t epoch, uint64_t number, float *out)
{
    static const double mean[3] = {0.5, 0.5, 0.5};
    static uint8_t image[SIZE];
    float noise[SIZE];
    fill_noise(noise, SIZE);
    for (int i = 0; i < SIZE; i++)
        image[i] = (uint8_t)(i < 3 ? 0 : i < 6 ? 255 : (int)noise[i]);
    const struct augment_sample sample = {.options = options,
                                          .seed = seed,
                                          .epoch = epoch,
                                          .sample = number,
                                          .shape = shape,
                                          .out = shape,
                                          .mean = mean};
    augment_image(&sample, image, out);
}

static void augment(const struct augment_options *options, uint64_t seed, uint32_t epoch,
                    uint64_t number, float *out)
{
    augment_as(rgb, options, seed, epoch, number, out);
}

/* A function of seed, epoch and sample. */
static void test_of_sample(void **state)
{
    (void)state;
    static float a[SIZE], b[SIZE];
    const struct augment_options two = {.randaugment = 2, .magnitude = 9};
    int others = 0;
    assert_true(augment_enabled(&two));
    assert_false(augment_enabled(&(struct augment_options){.magnitude = 9}));
    for (uint64_t n = 0; n < 20; n++) {
        augment(&two, 1, 2, n, a);
        augment(&two, 1, 2, n, b);
        assert_memory_equal(a, b, sizeof a);
        for (int other = 0; other < 3; other++) {
            augment(&two, 1 + (other == 0), 2 + (other == 1), n + (other == 2), b);
            others += memcmp(a, b, sizeof a) != 0;
        }
    }
    assert_true(others > 50); /* of 60; the same operations may come up again */
}

/* Its draws are its own: the others are as without it. At magnitude 0 nothing else is
   left of it on images that have black and white in each channel and fewer than 256
   pixels. */
static void test_apart(void **state)
{
    (void)state;
    static float a[SIZE], plain[SIZE];
    struct augment_options options = {.flip = AUGMENT_FLIP_RANDOM, .erase = 0.5};
    for (uint64_t n = 0; n < 20; n++) {
        options.randaugment = 0;
        augment(&options, 1, 2, n, plain);
        options.randaugment = 3;
        augment(&options, 1, 2, n, a);
        assert_memory_equal(a, plain, sizeof a);
    }
}

/* All of an augmentation has the same bits on every CPU. */
static void test_golden(void **state)
{
    (void)state;
    static float x[SIZE];
    const struct augment_options all = {.shift_share = 0.1,
                                        .rotate = 10,
                                        .scale = 0.1,
                                        .shear = 0.1,
                                        .elastic = 2,
                                        .resized_crop = 0.5,
                                        .brightness = 0.2,
                                        .contrast = 0.2,
                                        .saturation = 0.2,
                                        .hue = 0.1,
                                        .randaugment = 3,
                                        .magnitude = 7,
                                        .erase = 0.2};
    uint64_t hash = GOLDEN_START;
    for (uint64_t n = 0; n < 200; n++) {
        struct shape shape = n % 2 ? grey : rgb;
        augment_as(shape, &all, 1, 2, n, x);
        hash = golden_hash(hash, x, (size_t)shape_size(shape) * sizeof *x);
    }
    golden_check("augmentation", hash);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_identity),  cmocka_unit_test(test_autocontrast),
        cmocka_unit_test(test_equalize),  cmocka_unit_test(test_values),
        cmocka_unit_test(test_color),     cmocka_unit_test(test_sharpness),
        cmocka_unit_test(test_translate), cmocka_unit_test(test_shear),
        cmocka_unit_test(test_rotate),    cmocka_unit_test(test_outside),
        cmocka_unit_test(test_draws),     cmocka_unit_test(test_of_sample),
        cmocka_unit_test(test_apart),     cmocka_unit_test(test_golden),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
