#include "../network.h"
#include "../scratch.h"

#include "nn/cut.h"

static struct model model;

static int setup(void **state)
{
    const char *const lines[] = {"conv 4 kernel=3", "maxpool 2",  "gelu",
                                 "flatten",         "linear 6",   "dropout p=0.5",
                                 "linear 5",        "linear 7",   "gelu",
                                 "linear classes",  "logsoftmax", NULL};
    network_build(&model, lines, (struct shape){8, 8, 1}, 3, 4);
    return scratch_setup(state);
}

static int teardown(void **state)
{
    model_release(&model);
    return scratch_teardown(state);
}

static void test_round_trip(void **state)
{
    (void)state;
    const char *const texts[] = {
        "conv1+linear1+linear2+linear3+linear4",
        "conv1 | linear1+linear2+linear3+linear4",
        "conv1+linear1 | linear2+linear3 | linear4",
        "conv1 | linear1 | linear2 | linear3 | linear4",
    };
    for (int parts = 1; parts <= 4; parts++) {
        struct model_cut cut;
        const char *text = texts[parts - 1];
        assert_int_equal(cut_read(&cut, &model, "key", text), ST_OK);
        char *again = cut_text(&cut, &model);
        assert_string_equal(again, text);
        free(again);
        assert_int_equal(cut.first[cut.parts], model.units);
    }
    struct model_cut cut;
    assert_int_equal(
        cut_read(&cut, &model, "key", "  conv1+ linear1|linear2 +linear3+linear4 "),
        ST_OK);
    assert_int_equal(cut.parts, 2);
    assert_int_equal(cut.first[1], 2);
}

static void refuse(const char *text, const char *message)
{
    struct model_cut cut;
    scratch_said();
    assert_int_equal(cut_read(&cut, &model, "key", text), ST_USAGE);
    expect_lines(1, message, NULL);
}

static void test_refused(void **state)
{
    (void)state;
    refuse("conv1 | linear1+linear3+linear4", "key: layer 'linear2' is missing before");
    refuse("conv1 | linear1+linear2", "key: layer 'linear3' is in no stage");
    refuse("linear1 | linear2+linear3+linear4", "key: layer 'conv1' is missing before");
    refuse("conv1 | linear1+linear1+linear2", "key: layer 'linear1' is named twice");
    refuse("conv1 | conv2",
           "key: the network has no layer 'conv2'; did you mean 'conv1'");
    refuse("conv1 | banana", "key: the network has no layer 'banana'");
    refuse("conv1,linear1 | linear2", "key: 'conv1,linear1' is no layer's name; write ");
    refuse("conv1+maxpool1 | linear1",
           "key: 'maxpool1' is not where a stage can begin: it goes with 'conv1'");
    refuse("conv1 || linear1", "key: a name is missing");
    refuse("conv1 |", "key: a name is missing");
    refuse("", "key: a name is missing");
    refuse("conv1|linear1|linear2|linear3|linear4|linear4", "key: more stages than");
}

static void expect_balance(int parts, const double *cost, const struct cut_limit *limit,
                           const int *first)
{
    struct model_cut cut;
    assert_true(cut_balance(&cut, &model, parts, cost, limit));
    assert_int_equal(cut.parts, parts);
    for (int p = 0; p <= parts; p++)
        assert_int_equal(cut.first[p], first[p]);
}

static void test_balance(void **state)
{
    (void)state;
    const double cost[] = {10, 1, 4, 4, 1};
    expect_balance(1, cost, NULL, (const int[]){0, 5});
    expect_balance(2, cost, NULL, (const int[]){0, 1, 5});
    expect_balance(5, cost, NULL, (const int[]){0, 1, 2, 3, 4, 5});
    const double even[] = {1, 1, 1, 1, 1};
    struct model_cut cut;
    for (int parts = 1; parts <= 5; parts++) {
        double most = 0;
        cut_balance(&cut, &model, parts, even, NULL);
        for (int p = 0; p < parts; p++) {
            assert_true(cut.first[p] < cut.first[p + 1]);
            if (cut_cost(&cut, p, even) > most)
                most = cut_cost(&cut, p, even);
        }
        assert_true(most == (5 + parts - 1) / parts);
    }
}

/* So many units, and one less for each part before. */
static bool fits(const struct cut_limit *limit, int part, int begin, int end)
{
    assert_ptr_equal(limit->model, &model);
    return end - begin <= *(const int *)limit->context - part;
}

static void test_limit(void **state)
{
    (void)state;
    const double cost[] = {10, 1, 1, 1, 1};
    int most = 5;
    const struct cut_limit limit = {.fits = fits, .model = &model, .context = &most};
    struct model_cut cut;
    expect_balance(2, cost, &limit, (const int[]){0, 1, 5});
    most = 4;
    expect_balance(2, cost, &limit, (const int[]){0, 2, 5});
    expect_balance(3, cost, &limit, (const int[]){0, 1, 4, 5});
    most = 3;
    expect_balance(2, cost, &limit, (const int[]){0, 3, 5});
    expect_balance(3, cost, &limit, (const int[]){0, 2, 4, 5});
    most = 2;
    assert_false(cut_balance(&cut, &model, 2, cost, &limit));
    assert_false(cut_balance(&cut, &model, 3, cost, &limit));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_balance),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
