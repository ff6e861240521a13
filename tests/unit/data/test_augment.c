#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "augment_whole.h"
#include "data/augment.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

enum { SIDE = 28, MOST = 400 * 400 };

static const struct augment_options all_on = {
    .shift = 2, .rotate = 12, .scale = 0.1, .shear = 0.1, .elastic = 2};

static struct augment_draw still(void)
{
    struct augment_draw draw = {.scale = {1, 1}};
    rng_init(&draw.rng, 1, RNG_TEST, 0, 0);
    return draw;
}

static void fill_noise(uint8_t *image, size_t count)
{
    struct rng rng;
    rng_init(&rng, 6, RNG_TEST, 7, 8);
    for (size_t i = 0; i < count; i++)
        image[i] = (uint8_t)rng_below(&rng, 256);
}

/* A smooth blob of radius r about (cx, cy). */
static void fill_blob(uint8_t *image, int h, int w, double cx, double cy, double r)
{
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            double d = hypot(x - cx, y - cy) / r;
            image[y * w + x] = (uint8_t)(d < 1 ? 255 * (1 - d * d) * (1 - d * d) : 0);
        }
}

struct moments {
    double mass, x, y;
};

static struct moments moments_of(const float *image, int h, int w)
{
    struct moments m = {0, 0, 0};
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            double v = image[y * w + x];
            m.mass += v;
            m.x += v * x;
            m.y += v * y;
        }
    m.x /= m.mass;
    m.y /= m.mass;
    return m;
}

static void test_enabled(void **state)
{
    (void)state;
    assert_false(augment_enabled(&(struct augment_options){0}));
    assert_true(augment_enabled(&(struct augment_options){.shift = 1}));
    assert_true(augment_enabled(&(struct augment_options){.rotate = 1}));
    assert_true(augment_enabled(&(struct augment_options){.scale = 0.1}));
    assert_true(augment_enabled(&(struct augment_options){.shear = 0.1}));
    assert_true(augment_enabled(&(struct augment_options){.elastic = 0.1}));
}

static const int sizes[][2] = {{1, 1},   {1, 9},   {9, 1},    {2, 2},    {3, 40},
                               {7, 7},   {8, 8},   {13, 6},   {28, 28},  {40, 3},
                               {5, 111}, {5, 112}, {60, 113}, {20, 365}, {365, 20}};

/* Without a distortion the output equals the input; so it does if all strengths are 0. */
static void test_identity(void **state)
{
    (void)state;
    static uint8_t in[MOST];
    static float out[MOST + 1];
    fill_noise(in, MOST);
    for (size_t s = 0; s < LENGTH(sizes); s++) {
        int h = sizes[s][0], w = sizes[s][1];
        for (int way = 0; way < 2; way++) {
            memset(out, 0xFF, sizeof(out));
            struct augment_draw draw = still();
            if (way == 0)
                whole_draw(&(struct augment_options){0}, 1, 2, 3, &draw);
            whole_warp(&draw, (struct shape){h, w, 1}, in, out);
            for (int i = 0; i < h * w; i++)
                assert_true(out[i] == (float)in[i]);
            assert_true(isnan(out[h * w])); /* nothing is written past the end */
        }
    }
}

static void test_whole_shifts(void **state)
{
    (void)state;
    static uint8_t in[MOST];
    static float out[MOST];
    const int shifts[][2] = {{1, 0}, {0, 1}, {-1, 0}, {0, -1}, {3, -2}, {-5, 4}, {50, 0}};
    fill_noise(in, MOST);
    for (size_t s = 0; s < LENGTH(sizes); s++)
        for (size_t k = 0; k < LENGTH(shifts); k++) {
            int h = sizes[s][0], w = sizes[s][1];
            int right = shifts[k][0], down = shifts[k][1];
            struct augment_draw draw = still();
            draw.shift[0] = right;
            draw.shift[1] = down;
            whole_warp(&draw, (struct shape){h, w, 1}, in, out);
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++) {
                    int fx = x - right, fy = y - down;
                    bool inside = fx >= 0 && fx < w && fy >= 0 && fy < h;
                    assert_true(out[y * w + x] == (inside ? (float)in[fy * w + fx] : 0));
                }
        }
}

/* Half a pixel: the mean of two neighbours, fading to zero at the edges. */
static void test_half_shifts(void **state)
{
    (void)state;
    const uint8_t in[9] = {10, 30, 200, 50, 255,
                           7,  99, 99,  99}; /* 99: not part of the image */
    const struct {
        double right, down;
        float expected[6];
    } cases[] = {
        {0.5, 0, {5, 20, 115, 25, 152.5f, 131}},
        {-0.5, 0, {20, 115, 100, 152.5f, 131, 3.5f}},
        {0, 0.5, {5, 15, 100, 30, 142.5f, 103.5f}},
        {0, -0.5, {30, 142.5f, 103.5f, 25, 127.5f, 3.5f}},
    };
    for (size_t k = 0; k < LENGTH(cases); k++) {
        float out[6];
        struct augment_draw draw = still();
        draw.shift[0] = cases[k].right;
        draw.shift[1] = cases[k].down;
        whole_warp(&draw, (struct shape){2, 3, 1}, in, out);
        assert_memory_equal(out, cases[k].expected, sizeof(out));
    }
}

/* An image is never mirrored by its scale. */
static void test_no_mirror(void **state)
{
    (void)state;
    uint8_t in[SIDE * SIDE];
    float none[SIDE * SIDE], minus[SIDE * SIDE];
    struct augment_draw draw = still();
    fill_blob(in, SIDE, SIDE, 10, 14, 8);
    draw.scale[0] = 0;
    whole_warp(&draw, (struct shape){SIDE, SIDE, 1}, in, none);
    draw.scale[0] = -1;
    whole_warp(&draw, (struct shape){SIDE, SIDE, 1}, in, minus);
    assert_memory_equal(none, minus, sizeof(none));
}

/* The effect of each parameter on a blob at c + (6, 3), right of the centre and below. */
static void test_affine_parts(void **state)
{
    (void)state;
    enum { H = 41, W = 51 };
    static uint8_t in[H * W];
    static float out[H * W];
    const double c[2] = {(W - 1) / 2.0, (H - 1) / 2.0}, at[2] = {6, 3};
    struct augment_draw turned = still(), wide = still(), tall = still(),
                        sheared = still(), both = still();
    turned.rotate = 90;
    wide.scale[0] = 1.5;
    tall.scale[1] = 0.5;
    sheared.shear = 0.4;
    both.scale[0] = 1.5; /* scale, shear, rotation, shift, in this order */
    both.shear = 0.4;
    both.rotate = -90;
    both.shift[0] = 2;
    const struct {
        const struct augment_draw *draw;
        double x, y, mass; /* expected position relative to c, and mass */
    } cases[] = {
        {&turned, -3, 6, 1},         {&wide, 9, 3, 1.5},     {&tall, 6, 1.5, 0.5},
        {&sheared, 6 + 1.2, 3, 1.0}, {&both, 5, -10.2, 1.5},
    };
    fill_blob(in, H, W, c[0] + at[0], c[1] + at[1], 5);
    for (int i = 0; i < H * W; i++)
        out[i] = (float)in[i];
    double mass = moments_of(out, H, W).mass;
    for (size_t k = 0; k < LENGTH(cases); k++) {
        whole_warp(cases[k].draw, (struct shape){H, W, 1}, in, out);
        struct moments m = moments_of(out, H, W);
        assert_true(fabs(m.x - c[0] - cases[k].x) < 0.02);
        assert_true(fabs(m.y - c[1] - cases[k].y) < 0.02);
        assert_true(fabs(m.mass / mass / cases[k].mass - 1) < 0.01);
    }
}

/* The field's displacement of each pixel, measured with two images whose values are the
   coordinates; valid away from the edges. */
static void read_field(double strength, uint32_t epoch, int side, float *dx, float *dy)
{
    static uint8_t in[MOST];
    struct augment_draw draw = still();
    struct augment_options options = {.elastic = strength};
    for (int axis = 0; axis < 2; axis++) {
        float *d = axis ? dy : dx;
        for (int i = 0; i < side * side; i++)
            in[i] = (uint8_t)(axis ? i / side : i % side);
        whole_draw(&options, 5, epoch, 6, &draw);
        whole_warp(&draw, (struct shape){side, side, 1}, in, d);
        for (int i = 0; i < side * side; i++)
            d[i] -= (float)in[i];
    }
}

static void test_field(void **state)
{
    (void)state;
    enum { S = 250, EDGE = 8, STRENGTH = 4 }; /* wider than two strips */
    static float dx[S * S], dy[S * S];
    read_field(STRENGTH, 1, S, dx, dy);
    double square = 0, cross = 0, mean = 0, steepest = 0, bend = 0, largest = 0;
    int n = 0;
    for (int y = EDGE; y < S - EDGE; y++)
        for (int x = EDGE; x < S - EDGE; x++, n++) {
            int i = y * S + x;
            square += dx[i] * dx[i] + dy[i] * dy[i];
            cross += dx[i] * dy[i];
            mean += dx[i] + dy[i];
            largest = fmax(largest, fmax(fabs(dx[i]), fabs(dy[i])));
            steepest =
                fmax(steepest, fmax(fabs(dx[i + 1] - dx[i]), fabs(dx[i + S] - dx[i])));
            bend = fmax(bend, fmax(fabs(dx[i + 1] - 2 * dx[i] + dx[i - 1]),
                                   fabs(dx[i + S] - 2 * dx[i] + dx[i - S])));
        }
    /* Uniform control points have variance s^2 / 3; the spline keeps 0.479 an axis. */
    double expected = STRENGTH * STRENGTH / 3.0 * 0.479365 * 0.479365;
    assert_true(fabs(square / (2 * n) / expected - 1) < 0.12);
    assert_true(fabs(cross / n) < 0.12 * expected);
    assert_true(fabs(mean / (2 * n)) < 0.1);
    assert_true(largest < STRENGTH);
    /* The spline's slope is at most 2 s / 7, its second derivative 4 s / 49: a seam
       between cells or strips would exceed them. */
    assert_true(steepest < 2.0 * STRENGTH / 7);
    assert_true(bend < 4.0 * STRENGTH / 49 + 1e-3);
}

static void test_field_scales(void **state)
{
    (void)state;
    enum { S = 60 };
    static float dx[S * S], dy[S * S], dx2[S * S], dy2[S * S];
    read_field(1, 3, S, dx, dy);
    read_field(2, 3, S, dx2, dy2);
    for (int y = 4; y < S - 4; y++)
        for (int x = 4; x < S - 4; x++) {
            assert_true(fabs(2 * dx[y * S + x] - dx2[y * S + x]) < 1e-4);
            assert_true(fabs(2 * dy[y * S + x] - dy2[y * S + x]) < 1e-4);
        }
}

/* Distorts by the draw of name = (seed, epoch, sample); in and out are (SIDE, SIDE). */
static void distort(const struct augment_options *options, const uint64_t name[3],
                    const uint8_t *in, float *out)
{
    struct augment_draw draw;
    whole_draw(options, name[0], (uint32_t)name[1], name[2], &draw);
    whole_warp(&draw, (struct shape){SIDE, SIDE, 1}, in, out);
}

/* A draw depends on (seed, epoch, sample) alone, not on earlier draws. */
static void test_named_draws(void **state)
{
    (void)state;
    uint8_t in[SIDE * SIDE];
    float first[SIDE * SIDE], other[SIDE * SIDE], again[SIDE * SIDE];
    fill_blob(in, SIDE, SIDE, 14, 13, 10);
    distort(&all_on, (uint64_t[]){1, 2, 3}, in, first);
    const uint64_t names[][3] = {{1, 2, 4}, {1, 3, 3}, {2, 2, 3},
                                 {1, 3, 2}, {1, 2, 0}, {1, 2, 3 + (UINT64_C(1) << 32)}};
    for (size_t k = 0; k < LENGTH(names); k++) {
        distort(&all_on, names[k], in, other);
        double apart = 0;
        for (int i = 0; i < SIDE * SIDE; i++)
            apart += fabs(first[i] - other[i]) / (SIDE * SIDE);
        assert_true(apart > 1);
    }
    distort(&all_on, (uint64_t[]){1, 2, 3}, in, again);
    assert_memory_equal(first, again, sizeof(first));
}

/* Draws are uniform in [-x, x], and a strength of 0 does not change the others. */
static void test_draws(void **state)
{
    (void)state;
    enum { DRAWS = 20000, PARTS = 6 };
    double sum[PARTS] = {0}, square[PARTS] = {0};
    for (uint64_t sample = 0; sample < DRAWS; sample++) {
        struct augment_draw d, e;
        whole_draw(&all_on, 9, 1, sample, &d);
        const double part[PARTS] = {
            d.shift[0] / 2,         d.shift[1] / 2,         d.rotate / 12,
            (d.scale[0] - 1) / 0.1, (d.scale[1] - 1) / 0.1, d.shear / 0.1,
        };
        for (int i = 0; i < PARTS; i++) {
            assert_true(fabs(part[i]) <= 1 + 1e-9);
            sum[i] += part[i] / DRAWS;
            square[i] += part[i] * part[i] / DRAWS;
        }
        struct augment_options less = all_on;
        less.rotate = 0;
        whole_draw(&less, 9, 1, sample, &e);
        assert_true(e.rotate == 0 && e.shear == d.shear && e.shift[1] == d.shift[1]);
        assert_int_equal(rng_u32(&d.rng), rng_u32(&e.rng));
    }
    for (int i = 0; i < PARTS; i++) {
        assert_true(fabs(sum[i]) < 0.02);
        assert_true(fabs(square[i] - 1.0 / 3) < 0.01);
    }
}

/* Mass is preserved: on average exactly, in one image within what the strengths allow. */
static void test_mass(void **state)
{
    (void)state;
    enum { IMAGES = 400 };
    uint8_t in[SIDE * SIDE];
    float out[SIDE * SIDE];
    fill_blob(in, SIDE, SIDE, 13.5, 13.5, 9);
    distort(&(struct augment_options){0}, (uint64_t[]){1, 1, 1}, in, out);
    struct moments before = moments_of(out, SIDE, SIDE);
    double mass = 0, x = 0, y = 0;
    for (uint64_t sample = 0; sample < IMAGES; sample++) {
        distort(&all_on, (uint64_t[]){1, 1, sample}, in, out);
        struct moments m = moments_of(out, SIDE, SIDE);
        assert_true(m.mass > 0.5 * before.mass && m.mass < 1.6 * before.mass);
        assert_true(fabs(m.x - before.x) < 4 && fabs(m.y - before.y) < 4);
        mass += m.mass / before.mass / IMAGES;
        x += (m.x - before.x) / IMAGES;
        y += (m.y - before.y) / IMAGES;
    }
    assert_true(fabs(mass - 1) < 0.05);
    assert_true(fabs(x) < 0.3 && fabs(y) < 0.3);
}

/* Values stay in 0..255 for any strengths and sizes. */
static void test_bounds(void **state)
{
    (void)state;
    static uint8_t noise[MOST], white[MOST];
    static float out[MOST + 1];
    const struct augment_options wild[] = {
        all_on,
        {.shift = 1e9},
        {.rotate = 1e7},
        {.scale = 5},
        {.shear = 100},
        {.elastic = 300},
        {.shift = 40, .rotate = 180, .scale = 1, .shear = 2, .elastic = 9},
        {.shift = INFINITY, .elastic = 1e38},
    };
    fill_noise(noise, MOST);
    memset(white, 255, MOST);
    for (size_t s = 0; s < LENGTH(sizes); s++)
        for (size_t k = 0; k < LENGTH(wild); k++)
            for (uint64_t sample = 0; sample < 12; sample++) {
                int h = sizes[s][0], w = sizes[s][1];
                out[h * w] = -1;
                struct augment_draw draw;
                whole_draw(&wild[k], 3, 3, sample, &draw);
                whole_warp(&draw, (struct shape){h, w, 1}, sample % 2 ? noise : white,
                           out);
                for (int i = 0; i < h * w; i++)
                    assert_true(out[i] >= 0 && out[i] <= 255);
                assert_true(out[h * w] == -1);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enabled),      cmocka_unit_test(test_identity),
        cmocka_unit_test(test_whole_shifts), cmocka_unit_test(test_half_shifts),
        cmocka_unit_test(test_no_mirror),    cmocka_unit_test(test_affine_parts),
        cmocka_unit_test(test_field),        cmocka_unit_test(test_field_scales),
        cmocka_unit_test(test_named_draws),  cmocka_unit_test(test_draws),
        cmocka_unit_test(test_mass),         cmocka_unit_test(test_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
