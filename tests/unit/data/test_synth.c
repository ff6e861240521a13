#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "data/glyphs.h"
#include "data/ink.h"
#include "data/synth.h"

#define PIXELS (SYNTH_SIZE * SYNTH_SIZE)
#define IMAGES 520 /* twenty of each class */

static uint8_t images[2][IMAGES][PIXELS];

static void draw_both(uint64_t seed)
{
    for (int split = 0; split < 2; split++)
        for (int i = 0; i < IMAGES; i++)
            synth_draw(seed, split, (uint64_t)i, images[split][i]);
}

/* Any other value means that data sets differ from those of other machines. */
static void test_golden_bytes(void **state)
{
    (void)state;
    draw_both(1);
    assert_int_equal(hash_bytes(images, sizeof images, 0), 0xd52539aed9c38f30ull);
}

static void test_classes_are_balanced(void **state)
{
    (void)state;
    int count[SYNTH_CLASSES] = {0};
    for (int i = 0; i < IMAGES; i++) {
        int class = synth_draw(3, i & 1, (uint64_t)i, images[0][0]);
        assert_int_equal(class, i % SYNTH_CLASSES);
        count[class]++;
    }
    for (int class = 0; class < SYNTH_CLASSES; class ++)
        assert_int_equal(count[class], IMAGES / SYNTH_CLASSES);
}

static void test_same_name_same_bytes(void **state)
{
    (void)state;
    uint8_t again[PIXELS];
    draw_both(7);
    for (int i = IMAGES - 1; i >= 0; i--) {
        synth_draw(7, 1, (uint64_t)i, again);
        assert_memory_equal(again, images[1][i], PIXELS);
    }
}

static void test_seeds_differ(void **state)
{
    (void)state;
    uint8_t other[PIXELS];
    draw_both(7);
    for (int i = 0; i < IMAGES; i++) {
        synth_draw(8, 0, (uint64_t)i, other);
        assert_memory_not_equal(other, images[0][i], PIXELS);
        synth_draw(7ull << 32, 0, (uint64_t)i, other);
        assert_memory_not_equal(other, images[0][i], PIXELS);
    }
}

static void test_no_image_twice(void **state)
{
    (void)state;
    const uint8_t *all = &images[0][0][0];
    draw_both(1);
    for (int i = 0; i < 2 * IMAGES; i++)
        for (int j = i + 1; j < 2 * IMAGES; j++)
            assert_memory_not_equal(all + i * PIXELS, all + j * PIXELS, PIXELS);
}

/* The bounding box of pixels that are clearly ink; returns their number. */
static int ink_bounds(const uint8_t *pixels, int low[2], int high[2])
{
    int inked = 0;
    low[0] = low[1] = SYNTH_SIZE;
    high[0] = high[1] = -1;
    for (int i = 0; i < PIXELS; i++) {
        int at[2] = {i / SYNTH_SIZE, i % SYNTH_SIZE};
        if (pixels[i] < 160)
            continue;
        inked++;
        for (int k = 0; k < 2; k++) {
            low[k] = at[k] < low[k] ? at[k] : low[k];
            high[k] = at[k] > high[k] ? at[k] : high[k];
        }
    }
    return inked;
}

static void test_ink_is_there_and_centred(void **state)
{
    (void)state;
    draw_both(5);
    long total[2] = {0, 0};
    for (int i = 0; i < IMAGES; i++) {
        int low[2], high[2];
        int inked = ink_bounds(images[0][i], low, high);
        assert_in_range(inked, 20, 300);
        int tall = high[0] - low[0] + 1, wide = high[1] - low[1] + 1;
        assert_in_range(tall > wide ? tall : wide, 16, 27);
        for (int k = 0; k < 2; k++) {
            int twice = low[k] + high[k] - (SYNTH_SIZE - 1);
            assert_in_range(twice + 20, 8, 32);
            total[k] += twice;
        }
    }
    for (int k = 0; k < 2; k++)
        assert_in_range(total[k] + IMAGES / 2, 0, IMAGES);
}

static void test_every_form_can_be_read(void **state)
{
    (void)state;
    for (int i = 0; i < 52; i++) {
        const struct glyph *forms;
        char letter = (char)(i < 26 ? 'A' + i : 'a' + i - 26);
        int count = glyph_forms(letter, &forms);
        assert_in_range(count, 2, 20);
        for (int f = 0; f < count; f++) {
            struct glyph_knot knots[GLYPH_MAX_KNOTS];
            int n = glyph_knots(&forms[f], knots);
            assert_int_equal(forms[f].letter, letter);
            assert_in_range(forms[f].share, 1, 20);
            assert_in_range(n, 2, GLYPH_MAX_KNOTS);
            assert_true(knots[0].starts);
            assert_false(knots[n - 1].starts);
            for (int k = 0; k < n; k++) {
                assert_in_range(knots[k].x + 20, 0, 90);
                assert_in_range(knots[k].y, 0, 100);
                assert_false(k + 1 < n && knots[k].starts && knots[k + 1].starts);
            }
        }
    }
    const struct glyph *none;
    assert_int_equal(glyph_forms('?', &none), 0);
}

static void test_ink_covers_by_distance(void **state)
{
    (void)state;
    float canvas[8 * 8] = {0};
    struct ink ink = {.count = 0};
    ink_add(&ink, -5.0f, 4.5f, 0);
    ink_add(&ink, 20.0f, 4.5f, 1);
    ink_add(&ink, 2.5f, 0.5f, 0);
    for (int i = 0; i < ink.count; i++)
        ink.points[i].radius = 1.25f;
    ink_draw(&ink, 8, canvas);
    for (int j = 0; j < 8; j++) {
        assert_true(canvas[4 * 8 + j] == 1.0f);
        assert_true(canvas[3 * 8 + j] == 0.75f);
        assert_true(canvas[5 * 8 + j] == 0.75f);
        assert_true(canvas[6 * 8 + j] == 0.0f);
        assert_true(canvas[7 * 8 + j] == 0.0f);
    }
    assert_true(canvas[2] == 1.0f && canvas[1] == 0.75f && canvas[8 + 2] == 0.75f);
    assert_true(canvas[0] == 0.0f && canvas[7] == 0.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_bytes),
        cmocka_unit_test(test_classes_are_balanced),
        cmocka_unit_test(test_same_name_same_bytes),
        cmocka_unit_test(test_seeds_differ),
        cmocka_unit_test(test_no_image_twice),
        cmocka_unit_test(test_ink_is_there_and_centred),
        cmocka_unit_test(test_every_form_can_be_read),
        cmocka_unit_test(test_ink_covers_by_distance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
