/* Pairs of images that are mixed: the sums, the boxes, the shares and what they depend
   on. */
#include "../../../src/train/mix.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/rng.h"

enum { N = 7, H = 9, W = 12, C = 3, SIZE = H * W * C };

static const struct mix blends = {.mixup = 0.4, .seed = 3, .shape = {H, W, C}};
static const struct mix boxes = {.cutmix = 1, .seed = 3, .shape = {H, W, C}};
static const struct mix both = {.mixup = 0.4, .cutmix = 1, .seed = 3, .shape = {H, W, C}};

static const uint8_t sets[N];

static void fill(float x[][SIZE], struct target *target)
{
    struct rng rng;
    rng_init(&rng, 1, RNG_TEST, 0, 0);
    for (int i = 0; i < N; i++) {
        target[i] = target_of_class(10 + i);
        target[i].set = &sets[i];
        for (int k = 0; k < SIZE; k++)
            x[i][k] = rng_normal(&rng);
    }
}

/* Each pair has one share, and each of its images the other's class. */
static void check_targets(const struct mix *mix, const struct mix_grain *grain,
                          const struct target *target)
{
    for (int i = 0; i < grain->n; i++) {
        int j = grain->n - 1 - i, first = i < j ? i : j;
        struct mix_draw draw =
            mix_draw(mix, grain->epoch, grain->first + (uint64_t)first);
        assert_int_equal(target[i].label, 10 + i);
        assert_int_equal(target[i].mixed, 10 + j);
        assert_ptr_equal(target[i].mixed_set, i == j ? NULL : &sets[j]);
        assert_true(target[i].weight == 1);
        assert_true(target[i].share == (i == j ? 1 : draw.share));
    }
}

/* What pixel k of image i should be. */
static double wanted(const struct mix_draw *draw, float before[][SIZE], int i, int j,
                     int k)
{
    int row = k / (W * C), column = k / C % W;
    bool inside = row >= draw->top && row < draw->bottom && column >= draw->left &&
                  column < draw->right;
    double own = draw->box ? !inside : (double)draw->share;
    return own * (double)before[i][k] + (1 - own) * (double)before[j][k];
}

static void check_images(const struct mix *mix, const struct mix_grain *grain,
                         float before[][SIZE], float after[][SIZE])
{
    for (int i = 0; i < grain->n; i++) {
        int j = grain->n - 1 - i, first = i < j ? i : j;
        struct mix_draw draw =
            mix_draw(mix, grain->epoch, grain->first + (uint64_t)first);
        for (int k = 0; k < SIZE; k++) {
            double want = i == j ? (double)before[i][k] : wanted(&draw, before, i, j, k);
            assert_true(fabs((double)after[i][k] - want) <= 1e-6);
        }
    }
}

static void check_mix(const struct mix *mix, struct mix_grain grain)
{
    float before[N][SIZE], x[N][SIZE];
    struct target target[N];
    struct team alone = {.size = 1};
    fill(before, target);
    memcpy(x, before, sizeof x);
    mix_images(mix, &alone, &grain, x[0], target);
    check_targets(mix, &grain, target);
    check_images(mix, &grain, before, x);
    for (int i = grain.n; i < N; i++)
        assert_memory_equal(x[i], before[i], sizeof x[i]);
}

static void test_pairs(void **state)
{
    (void)state;
    const struct mix *all[] = {&blends, &boxes, &both};
    for (int m = 0; m < 3; m++)
        for (int n = 1; n <= N; n++)
            for (uint32_t epoch = 0; epoch < 5; epoch++)
                check_mix(all[m], (struct mix_grain){epoch, 100 * epoch, n});
}

/* A team divides the pairs; a stage without images has the same targets. */
static void test_team_and_stage(void **state)
{
    (void)state;
    const struct mix_grain grain = {2, 50, N};
    float x[N][SIZE], shared[N][SIZE];
    struct target target[N], of_team[N], of_stage[N];
    struct team alone = {.size = 1};
    fill(x, target);
    fill(shared, of_team);
    fill(shared, of_stage);
    mix_images(&both, &alone, &grain, x[0], target);
    for (int i = 0; i < 2; i++) {
        struct team member = {.size = 2, .index = i};
        mix_images(&both, &member, &grain, shared[0], of_team);
    }
    mix_images(&both, &alone, &grain, NULL, of_stage);
    assert_memory_equal(x, shared, sizeof x);
    assert_memory_equal(target, of_team, sizeof target);
    assert_memory_equal(target, of_stage, sizeof target);
}

/* Each part of a mixed image's loss has the weight of the image that it comes from. */
static void test_weights(void **state)
{
    (void)state;
    static const float weights[][2] = {{2, 0.5f}, {0, 3}, {1, 0}, {0, 0}, {3, 3}};
    struct team alone = {.size = 1};
    for (size_t w = 0; w < sizeof weights / sizeof *weights; w++) {
        const float *weight = weights[w];
        struct target target[2] = {target_of_class(4), target_of_class(5)};
        struct mix_draw draw = mix_draw(&blends, 0, 8);
        for (int i = 0; i < 2; i++)
            target[i].weight = weight[i];
        mix_images(&blends, &alone, &(struct mix_grain){0, 8, 2}, NULL, target);
        for (int i = 0; i < 2; i++) {
            double share = (double)target[i].share, all = (double)target[i].weight;
            double part = (double)draw.share * (double)weight[i];
            double rest = (1 - (double)draw.share) * (double)weight[1 - i];
            assert_true(fabs(all * share - part) < 1e-6);
            assert_true(fabs(all * (1 - share) - rest) < 1e-6);
        }
    }
}

static bool same_draw(const struct mix_draw *a, const struct mix_draw *b)
{
    return a->share == b->share && a->box == b->box && a->top == b->top &&
           a->left == b->left && a->bottom == b->bottom && a->right == b->right;
}

/* Seed, epoch and position each change the draw, and nothing else does. */
static void test_key(void **state)
{
    (void)state;
    struct mix other = blends;
    other.seed++;
    for (uint64_t at = 0; at < 100; at++) {
        struct mix_draw draw = mix_draw(&blends, 4, at), again = mix_draw(&blends, 4, at);
        struct mix_draw seed = mix_draw(&other, 4, at), epoch = mix_draw(&blends, 5, at);
        struct mix_draw next = mix_draw(&blends, 4, at + 1);
        assert_true(same_draw(&draw, &again));
        assert_false(same_draw(&draw, &seed));
        assert_false(same_draw(&draw, &epoch));
        assert_false(same_draw(&draw, &next));
    }
}

/* The mean share of a blend is 1/2, its variance 1 / (4 (2 A + 1)). */
static void test_blend_shares(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    double sum = 0, squares = 0, variance = 1 / (4 * (2 * blends.mixup + 1));
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct mix_draw draw = mix_draw(&blends, 0, i);
        assert_false(draw.box);
        sum += (double)draw.share;
        squares += pow((double)draw.share - 0.5, 2);
    }
    assert_true(fabs(sum / DRAWS - 0.5) < 5 * sqrt(variance / DRAWS));
    assert_true(fabs(squares / DRAWS - variance) < 0.01);
}

/* A box is inside the image, and the share is what it leaves. Before it is clipped its
   area has the mean 1/2; a box of sides r is clipped to r (1 - r / 4) on average:
   together, for 1 - r^2 uniform, the mean of r^2 (1 - r / 4)^2 is 1/2 - 1/5 + 1/48. */
static void test_boxes(void **state)
{
    (void)state;
    enum { DRAWS = 20000 };
    const struct mix large = {.cutmix = 1, .seed = 3, .shape = {500, 700, 3}};
    double sum = 0, rows = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        struct mix_draw draw = mix_draw(&large, 0, i);
        int h = draw.bottom - draw.top, w = draw.right - draw.left;
        assert_true(draw.box && draw.top >= 0 && draw.left >= 0 && h >= 0 && w >= 0);
        assert_true(draw.bottom <= 500 && draw.right <= 700);
        assert_true(fabs((double)draw.share - (1 - h * w / (500. * 700))) < 1e-6);
        sum += 1 - (double)draw.share;
        rows += draw.top + draw.bottom;
    }
    assert_true(fabs(sum / DRAWS - (1. / 2 - 1. / 5 + 1. / 48)) < 0.01);
    assert_true(fabs(rows / DRAWS - 500) < 10);
}

static void test_one_of_both(void **state)
{
    (void)state;
    enum { DRAWS = 10000 };
    int cut = 0;
    for (uint64_t i = 0; i < DRAWS; i++)
        cut += mix_draw(&both, 0, i).box;
    assert_true(fabs(cut - DRAWS / 2.) < 5 * sqrt(DRAWS / 4.));
    assert_false(mix_enabled(&(struct mix){.seed = 1}));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs),        cmocka_unit_test(test_team_and_stage),
        cmocka_unit_test(test_weights),      cmocka_unit_test(test_key),
        cmocka_unit_test(test_blend_shares), cmocka_unit_test(test_boxes),
        cmocka_unit_test(test_one_of_both),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
