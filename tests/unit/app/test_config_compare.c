/* What two configs differ in. */
#include "../scratch.h"

#include "app/config.h"

/* A config read from text, called x.conf in messages. */
static enum status parse(struct config *config, const char *text)
{
    config_init(config);
    return config_parse(config, text, "x.conf");
}

static char shown[2000];

static void show(const char *line)
{
    strcat(shown, line);
    strcat(shown, "|");
}

static const char base_text[] = "[model]\nlayer = conv 4 kernel=3\nlayer = relu\n";

static enum status compare(const char *model, const char *assignment)
{
    struct config then, now;
    *shown = '\0';
    assert_int_equal(parse(&then, base_text), ST_OK);
    assert_int_equal(parse(&now, model), ST_OK);
    if (assignment)
        assert_int_equal(config_set(&now, assignment), ST_OK);
    enum status st = config_compare(&then, &now, show);
    config_release(&then);
    config_release(&now);
    return st;
}

static void test_compare(void **state)
{
    (void)state;
    assert_int_equal(compare(base_text, NULL), ST_OK);
    assert_string_equal(shown, "");
    assert_int_equal(compare(base_text, "train.epochs=12"), ST_OK);
    assert_string_equal(shown, "train.epochs 10 -> 12|");
    assert_int_equal(compare(base_text, "optim.lr=0.5"), ST_OK);
    assert_string_equal(shown, "optim.lr 0.05 -> 0.5|");
}

static void test_compare_fixed(void **state)
{
    (void)state;
    static const char *const fixed[][2] = {
        {"train.batch=7", "train.batch was '256' and is now '7'"},
        {"train.grain=7", "train.grain was '32' and is now '7'"},
        {"train.seed=7", "train.seed was '1' and is now '7'"},
        {"train.ema=0.5", "train.ema was '0' and is now '0.5'"},
        {"optim.kind=adamw", "optim.kind was 'sgd' and is now 'adamw'"},
    };
    for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++) {
        assert_int_equal(compare(base_text, fixed[i][0]), ST_USAGE);
        expect_said(fixed[i][1]);
    }
    static const char *const models[][2] = {
        {"[model]\nlayer = conv 5 kernel=3\nlayer = relu\n",
         "model.layer was 'conv 4 kernel=3' and is now 'conv 5 kernel=3'"},
        {"[model]\nlayer = conv 4 kernel=3\n",
         "model.layer was 'relu' and is now '(none)'"},
        {"[model]\nlayer = conv 4 kernel=3\nlayer = relu\nlayer = gelu\n",
         "model.layer was '(none)' and is now 'gelu'"},
    };
    for (int i = 0; i < 3; i++) {
        assert_int_equal(compare(models[i][0], NULL), ST_USAGE);
        expect_said(models[i][1]);
    }
}

static void test_show_changed(void **state)
{
    (void)state;
    struct config c;
    assert_int_equal(parse(&c, base_text), ST_OK);
    *shown = '\0';
    config_show_changed(&c, show);
    assert_string_equal(shown, "");
    assert_int_equal(config_set(&c, "train.batch=64"), ST_OK);
    assert_int_equal(config_set(&c, "schedule.kind=step"), ST_OK);
    assert_int_equal(config_set(&c, "train.epochs=10"), ST_OK); /* the default */
    config_show_changed(&c, show);
    assert_string_equal(shown, "train.batch=64|schedule.kind=step|");
    config_release(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_compare_fixed),
        cmocka_unit_test(test_show_changed),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
