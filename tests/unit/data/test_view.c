/* What a network sees of an image: its centre, or another part in training. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "data/augment.h"
#include "data/dataset.h"
#include "data/view.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

enum { H = 21, W = 34, SIZE = H * W * 3 };

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

/* --- the centre --- */

/* torchvision: int(round((H - h) / 2.0)); Python rounds halves to the even number, as
   rint does. The first ones are written down. */
static void test_centre(void **state)
{
    (void)state;
    static const int first[] = {0, 0, 1, 2, 2, 2, 3, 4, 4, 4, 5};
    for (int room = 0; room < (int)LENGTH(first); room++)
        assert_int_equal(view_centre(10 + room, 10), first[room]);
    for (int extent = 1; extent < 300; extent++)
        for (int size = 1; size <= extent; size++) {
            int begin = view_centre(extent, size);
            assert_int_equal(begin, (int)rint((extent - size) / 2.0));
            assert_true(begin >= 0 && begin + size <= extent);
        }
}

static void test_shape(void **state)
{
    (void)state;
    struct shape in;
    assert_true(input_crop_shape(&(struct input_crop){.shift_x = 3}, rgb, &in));
    assert_true(shape_equal(in, rgb));
    assert_true(input_crop_shape(&(struct input_crop){.h = H, .w = 5}, rgb, &in));
    assert_true(shape_equal(in, (struct shape){H, 5, 3}));
    assert_false(input_crop_shape(&(struct input_crop){.h = H + 1, .w = 5}, rgb, &in));
    assert_false(input_crop_shape(&(struct input_crop){.h = 1, .w = W + 1}, rgb, &in));
    char path[] = "a.h5", text[STATUS_TEXT];
    const struct dataset_info info = {.shape = rgb, .path = path};
    status_capture(text);
    enum status small =
        input_crop_of_dataset(&(struct input_crop){.h = 9, .w = W + 1}, &info, &in);
    status_capture(NULL);
    assert_int_equal(small, ST_USAGE);
    assert_string_equal(
        text, "data.input = 9x35 is larger than the images of 'a.h5', which are 21x34; "
              "import them at a larger size, or lower data.input");
    assert_int_equal(
        input_crop_of_dataset(&(struct input_crop){.h = 9, .w = W}, &info, &in), ST_OK);
}

/* Every size, odd differences on each axis, grey and RGB; nothing past the end. */
static void test_cut(void **state)
{
    (void)state;
    static float x[SIZE + 1];
    const struct shape from[] = {rgb, grey};
    for (size_t k = 0; k < LENGTH(from); k++)
        for (int h = 1; h <= H; h += 3)
            for (int w = 1; w <= W; w += 3) {
                const int c = from[k].c, top = view_centre(H, h),
                          left = view_centre(W, w);
                x[h * w * c] = -1;
                view_cut(from[k], (struct shape){h, w, c}, image, x);
                for (int i = 0; i < h * w * c; i++) {
                    int row = top + i / c / w, column = left + i / c % w;
                    assert_true(x[i] == image[(row * W + column) * c + i % c]);
                }
                assert_true(x[h * w * c] == -1);
            }
}

/* --- other parts, in training --- */

static struct augment_sample sample_of(const struct augment_options *options,
                                       uint64_t number, struct shape out)
{
    return (struct augment_sample){.options = options,
                                   .seed = 3,
                                   .sample = number,
                                   .shape = rgb,
                                   .out = out,
                                   .mean = mean};
}

/* The other distortions alone: training takes the centre, as evaluation does. */
static void test_centre_without_crop(void **state)
{
    (void)state;
    static float cut[SIZE], seen[SIZE];
    const struct shape out = {16, 23, 3};
    const struct augment_options flips = {.flip = AUGMENT_FLIP_ALTERNATE};
    int plain = 0, flipped = 0;
    view_cut(rgb, out, image, cut);
    for (uint64_t number = 0; number < 30; number++) {
        struct augment_sample one = sample_of(&flips, number, out);
        augment_image(&one, image, seen);
        bool same = memcmp(seen, cut, (size_t)shape_size(out) * sizeof *cut) == 0;
        plain += same;
        for (int i = 0; i < out.h * out.w && !same; i++)
            for (int k = 0; k < 3; k++)
                assert_true(seen[3 * i + k] ==
                            cut[3 * (i / out.w * out.w + out.w - 1 - i % out.w) + k]);
        flipped += !same;
    }
    assert_true(plain > 3 && flipped > 3);
    const struct augment_options still = {.rotate = 1e-12}; /* resampled, not copied */
    struct augment_sample one = sample_of(&still, 1, out);
    augment_image(&one, image, seen);
    for (int i = 0; i < shape_size(out); i++)
        assert_true(fabsf(seen[i] - cut[i]) < 1e-2f);
}

/* Every place in the image and its padding occurs, none beyond it, and pixels are those
   of the place. */
static void test_random_crop(void **state)
{
    (void)state;
    static float seen[SIZE];
    const struct shape out = {18, 30, 3}; /* 4 x 5 places */
    static const struct augment_options cases[] = {
        {.random_crop = true},
        {.crop = 2, .fill = AUGMENT_FILL_MEAN},
        {.crop = 2, .random_crop = true},
    };
    for (size_t k = 0; k < LENGTH(cases); k++) {
        int count[8][9] = {{0}}, places = 0, pad = cases[k].crop;
        for (uint64_t number = 0; number < 900; number++) {
            struct augment_sample one = sample_of(&cases[k], number, out);
            struct augment_draw draw;
            augment_draw(&one, &draw);
            int left = draw.crop[0], top = draw.crop[1];
            assert_true(left >= -pad && left <= W - out.w + pad);
            assert_true(top >= -pad && top <= H - out.h + pad);
            places += count[top + pad][left + pad]++ == 0;
            augment_image(&one, image, seen);
            for (int i = 0; i < out.h * out.w; i++) {
                int y = top + i / out.w, x = left + i % out.w;
                if (y >= 0 && y < H && x >= 0 && x < W)
                    assert_true(seen[3 * i + 1] == image[3 * (y * W + x) + 1]);
                else if (cases[k].fill == AUGMENT_FILL_MEAN)
                    assert_true(seen[3 * i + 1] == (float)(255 * mean[1]));
            }
        }
        assert_int_equal(places, (4 + 2 * pad) * (5 + 2 * pad));
    }
}

/* The part lies inside, is scaled to the output, and its sides have 3/4 to 4/3 of the
   output's ratio, in pixels. On a ramp, each pixel is that of the formula. */
static void test_resized_crop(void **state)
{
    (void)state;
    static uint8_t ramp[H * W];
    static float seen[H * W];
    const struct augment_options options = {.resized_crop = 0.2,
                                            .fill = AUGMENT_FILL_BORDER};
    const struct shape out = {12, 12, 1};
    double least = 10, most = 0;
    for (int i = 0; i < H * W; i++)
        ramp[i] = (uint8_t)(5 * (i % W));
    for (uint64_t number = 0; number < 300; number++) {
        struct augment_sample one = sample_of(&options, number, out);
        struct augment_draw draw;
        one.shape = grey;
        augment_draw(&one, &draw);
        const struct augment_box *box = &draw.box;
        assert_true(box->x >= 0 && box->y >= 0 && box->x + box->w <= 1 + 1e-12 &&
                    box->y + box->h <= 1 + 1e-12);
        if (box->w < 1 && box->h < 1) { /* not cut at the image's side */
            double ratio = box->w * W / (box->h * H);
            least = fmin(least, ratio);
            most = fmax(most, ratio);
        }
        augment_image(&one, ramp, seen);
        for (int x = 0; x < out.w; x++) {
            double at = box->x * W + (x + 0.5) * box->w * W / out.w - 0.5;
            at = fmin(fmax(at, 0), W - 1);
            assert_true(fabs((double)seen[6 * out.w + x] - 5 * at) < 1e-2);
        }
    }
    assert_true(least > 3. / 4 - 1e-9 && least < 0.8 && most > 1.25 &&
                most < 4. / 3 + 1e-9);
}

/* --- views --- */

static void test_reflect(void **state)
{
    (void)state;
    static const int of_4[] = {2, 1, 0, 1, 2, 3, 2, 1, 0, 1};
    for (int i = 0; i < (int)LENGTH(of_4); i++)
        assert_int_equal(view_reflect(i - 8, 4), of_4[i]);
    for (int x = -9; x < 9; x++)
        assert_int_equal(view_reflect(x, 1), 0);
}

/* The weights add up to 1, those of mirrored views to 1/2, and views are balanced. */
static void test_views(void **state)
{
    (void)state;
    static const int counts[] = {1, 2, 6};
    for (int set = VIEW_SET_NONE; set <= VIEW_SET_MIRROR_SHIFT; set++) {
        const struct views views = views_of_set(set);
        float all = 0, mirrored = 0;
        int x = 0, y = 0;
        assert_int_equal(views.count, counts[set]);
        for (int l = 0; l < views.count; l++) {
            all += views.view[l].weight;
            mirrored += views.view[l].mirror ? views.view[l].weight : 0;
            x += views.view[l].dx;
            y += views.view[l].dy;
        }
        assert_true(all == 1 && mirrored == (set == VIEW_SET_NONE ? 0 : 0.5f));
        assert_true(x == 0 && y == 0 && view_set_words[set]);
    }
    assert_null(view_set_words[VIEW_SET_MIRROR_SHIFT + 1]);
}

/* In a larger image a moved view shows more of it; at its border the mirror image. */
static void test_cut_views(void **state)
{
    (void)state;
    static float x[SIZE], plain[SIZE];
    static const struct shape sizes[] = {{H, W, 3}, {H - 4, W - 7, 3}, {1, 1, 3}};
    const struct views views = views_of_set(VIEW_SET_MIRROR_SHIFT);
    for (size_t s = 0; s < LENGTH(sizes); s++)
        for (int l = 0; l < views.count; l++) {
            const struct view *view = &views.view[l];
            const struct shape in = sizes[s];
            view_cut_moved(rgb, in, view, image, x);
            for (int row = 0; row < in.h; row++)
                for (int i = 0; i < in.w; i++) {
                    int column = view->mirror ? in.w - 1 - i : i;
                    int a = view_reflect(view_centre(H, in.h) + row + view->dy, H);
                    int b = view_reflect(view_centre(W, in.w) + column + view->dx, W);
                    for (int k = 0; k < 3; k++)
                        assert_true(x[(row * in.w + i) * 3 + k] ==
                                    image[(a * W + b) * 3 + k]);
                }
            view_cut(rgb, in, image, plain);
            if (l == 0)
                assert_memory_equal(x, plain, (size_t)shape_size(in) * sizeof *x);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_centre),      cmocka_unit_test(test_shape),
        cmocka_unit_test(test_cut),         cmocka_unit_test(test_centre_without_crop),
        cmocka_unit_test(test_random_crop), cmocka_unit_test(test_resized_crop),
        cmocka_unit_test(test_reflect),     cmocka_unit_test(test_views),
        cmocka_unit_test(test_cut_views),
    };
    fill_noise();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
