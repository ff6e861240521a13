/* augment.recipe: what it sets, what overrides it, and what the stored text says of
   it. */
#include "../config_text.h"
#include "data/augment.h"
#include "data/randaugment.h"

static void set(struct config *config, const char *assignment)
{
    assert_int_equal(config_set(config, assignment), ST_OK);
}

static void begin(struct config *config, const char *text, const char *const *settings)
{
    assert_int_equal(parse(config, text), ST_OK);
    for (int i = 0; settings && settings[i]; i++)
        set(config, settings[i]);
}

/* The augmentation of a config with these settings after it is that of another one. */
static void same(const char *text, const char *const *settings, const char *wanted)
{
    struct config a, b;
    begin(&a, text, settings);
    begin(&b, wanted, NULL);
    assert_memory_equal(&a.run.augment, &b.run.augment, sizeof a.run.augment);
    config_release(&a);
    config_release(&b);
}

static void test_recipes(void **state)
{
    (void)state;
    struct config none;
    begin(&none, "[augment]\nrecipe = none\n", NULL);
    assert_false(augment_enabled(&none.run.augment));
    config_release(&none);
    same("", NULL, "[augment]\nrecipe = none\n");
    same("[augment]\nrecipe = light\n", NULL,
         "[augment]\nflip = random\nresized_crop = 0.8\n");
    same("[augment]\nrecipe = standard\n", NULL,
         "[augment]\nflip = random\nresized_crop = 0.5\nbrightness = 0.2\n"
         "contrast = 0.2\nsaturation = 0.2\n");
    same("[augment]\nrecipe = strong\n", NULL,
         "[augment]\nflip = random\nresized_crop = 0.5\nbrightness = 0.2\n"
         "contrast = 0.2\nsaturation = 0.2\nrandaugment = 2\nmagnitude = 5\n"
         "erase = 0.25\n");
    same("[augment]\nrecipe = ink\n", NULL,
         "[augment]\nshift = 5%\nrotate = 8\nscale = 0.1\nshear = 0.1\nelastic = 1.5\n");
}

/* Before or after the recipe, in the config or by --set. */
static void test_overrides(void **state)
{
    (void)state;
    const char *wanted = "[augment]\nrecipe = light\nflip = off\nrotate = 3\n";
    const char *const orders[][4] = {
        {"augment.recipe=light", "augment.flip=off", "augment.rotate=3", NULL},
        {"augment.flip=off", "augment.recipe=light", "augment.rotate=3", NULL},
        {"augment.rotate=3", "augment.flip=off", "augment.recipe=light", NULL},
    };
    for (int i = 0; i < 3; i++)
        same("", orders[i], wanted);
    same("[augment]\nflip = off\nrotate = 3\nrecipe = light\n", NULL, wanted);
    const char *const recipe[] = {"augment.recipe=light", NULL};
    same("[augment]\nflip = off\nrotate = 3\n", recipe, wanted);
    same("[augment]\nflip = off\nrotate = 3\nrecipe = strong\n", recipe, wanted);
    const char *const keys[] = {"augment.flip=off", "augment.rotate=3", NULL};
    same("[augment]\nrecipe = light\n", keys, wanted);
    const char *const none[] = {"augment.recipe=none", NULL};
    same("[augment]\nrecipe = strong\n", none, "");
    same("[augment]\nrecipe = strong\nhue = 0.1\n", none, "[augment]\nhue = 0.1\n");
    same("[augment]\nflip = random\n", none, "[augment]\nflip = random\n");
}

/* What another recipe makes of it shows that the text tells the recipe's settings from
   those of the user. */
static void test_text(void **state)
{
    (void)state;
    static const char *const recipes[] = {"none", "light", "standard", "strong", "ink"};
    static const char *const others[] = {"", "flip = off\n",
                                         "flip = random\nelastic = 3\n",
                                         "shift = 12.5%\nerase = 0.5\nfill = mean\n"};
    for (int r = 0; r < 5; r++)
        for (int o = 0; o < 4; o++) {
            struct config first, second;
            char text[200];
            snprintf(text, sizeof text, "[augment]\n%srecipe = %s\n", others[o],
                     recipes[r]);
            assert_int_equal(parse(&first, text), ST_OK);
            char *stored = config_text(&first);
            snprintf(text, sizeof text, "recipe = %s\n", recipes[r]);
            assert_non_null(strstr(stored, text));
            assert_int_equal(parse(&second, stored), ST_OK);
            assert_memory_equal(&first.run.augment, &second.run.augment,
                                sizeof first.run.augment);
            for (int change = 0; change < 5; change++) {
                snprintf(text, sizeof text, "augment.recipe=%s", recipes[change]);
                set(&first, text);
                set(&second, text);
                assert_memory_equal(&first.run.augment, &second.run.augment,
                                    sizeof first.run.augment);
            }
            free(stored);
            config_release(&first);
            config_release(&second);
        }
}

static int shown;
static char last_shown[200];
static void show(const char *line)
{
    shown++;
    snprintf(last_shown, sizeof last_shown, "%s", line);
}

/* The same settings are the same run; a checkpoint from before there were recipes,
   too. */
static void test_compare(void **state)
{
    (void)state;
    struct config then, now;
    assert_int_equal(parse(&then, "[augment]\nrecipe = strong\nflip = off\n"), ST_OK);
    char *stored = config_text(&then);
    assert_int_equal(parse(&now, stored), ST_OK);
    shown = 0;
    assert_int_equal(config_compare(&then, &now, show), ST_OK);
    assert_int_equal(shown, 0);
    set(&now, "augment.magnitude=7");
    assert_int_equal(config_compare(&then, &now, show), ST_OK);
    assert_int_equal(shown, 1);
    assert_string_equal(last_shown, "augment.magnitude 5 -> 7");
    config_release(&now);
    config_release(&then);
    free(stored);
    assert_int_equal(parse(&then, "[augment]\nflip = random\n"), ST_OK);
    assert_int_equal(parse(&now, "[augment]\nrecipe = none\nflip = random\n"), ST_OK);
    shown = 0;
    assert_int_equal(config_compare(&then, &now, show), ST_OK);
    assert_int_equal(shown, 0);
    config_release(&now);
    config_release(&then);
}

/* A network by name has an augmentation of its own, which a recipe replaces. */
static void test_network(void **state)
{
    (void)state;
    struct config config;
    config_init(&config);
    assert_int_equal(config_read(&config, "resnet18_cifar"), ST_OK);
    assert_int_equal(config.run.augment.crop, 4);
    set(&config, "augment.recipe=none");
    assert_int_equal(config.run.augment.crop, 4);
    set(&config, "augment.recipe=ink");
    assert_int_equal(config.run.augment.crop, 0);
    assert_int_equal(config.run.augment.flip, AUGMENT_FLIP_OFF);
    config_release(&config);
}

static void test_note(void **state)
{
    (void)state;
    struct config config;
    assert_int_equal(
        parse(&config, "[augment]\nflip = random\nrotate = 8\nscale = 0.3\n"), ST_OK);
    set(&config, "augment.recipe=ink");
    config_note_recipe(&config, "x.conf");
    expect_said("augment.recipe = ink leaves what 'x.conf' says: scale = 0.3, flip = "
                "random");
    set(&config, "augment.flip=random");
    set(&config, "augment.scale=0.2");
    config_note_recipe(&config, "x.conf"); /* the user has seen them */
    assert_string_equal(scratch_said(), "");
    config_release(&config);
}

/* In pixels, or as a part of the side. */
static void test_shift(void **state)
{
    (void)state;
    struct config config;
    const struct augment_options *augment = &config.run.augment;
    begin(&config, "[augment]\nshift = 12.5%\n", NULL);
    assert_true(augment->shift == 0 && augment->shift_share == 0.125);
    set(&config, "augment.shift=2.5");
    assert_true(augment->shift == 2.5 && augment->shift_share == 0);
    config_release(&config);
    const char *expected =
        "expected pixels up to 1000, or a part of the side, like 2 or 7%";
    refuse("[augment]\nshift = 101%\n", expected);
    refuse("[augment]\nshift = 1001\n", expected);
    refuse("[augment]\nshift = -1%\n", expected);
    refuse("[augment]\nshift = %\n", expected);
    refuse("[augment]\nshift =\n", expected);
    refuse("[augment]\nshift = 7%%\n", expected);
}

static void test_bad_input(void **state)
{
    (void)state;
    refuse("[augment]\nrecipe = weak\n",
           "'recipe = weak': expected none | light | standard | strong | ink");
    refuse("[augment]\nrecipe = ink\nrecipe = ink\n",
           "'recipe' is set already on line 2");
    refuse("[augment]\nrandaugment = -1\n", "expected a whole number from 0 to 100");
    refuse("[augment]\nmagnitude = 10.5\n", "expected a number from 0 to 10");
    refuse("[train]\nrecipe = ink\n", "it belongs to [augment]");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recipes), cmocka_unit_test(test_overrides),
        cmocka_unit_test(test_text),    cmocka_unit_test(test_compare),
        cmocka_unit_test(test_network), cmocka_unit_test(test_note),
        cmocka_unit_test(test_shift),   cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
