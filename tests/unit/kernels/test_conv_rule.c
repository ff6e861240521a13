/* Which algorithm a convolution uses, and how many operations it does. */
#include "kernel_test.h"

#include "kernels/conv_algorithm.h"

static struct conv_shape square(int size, int c, int k, int pad)
{
    struct conv_shape shape = {
        .n = 3, .h = size, .w = size, .c = c, .k = k, WINDOW_SQUARE(3, 1, pad)};
    conv_shape_complete(&shape);
    return shape;
}

/* Multiply-adds of the products, twice: whole tiles, also where the image has none. */
static void test_work(void **state)
{
    (void)state;
    static const struct {
        int size, pad;
        double tiles2, tiles4, tiles4_data;
    } cases[] = {{8, 1, 16, 4, 4}, {7, 1, 16, 4, 4}, {5, 0, 4, 1, 4}, {1, 1, 1, 1, 1}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct conv_shape s = {.n = 3,
                               .h = cases[i].size,
                               .w = cases[i].size,
                               .c = 24,
                               .k = 40,
                               WINDOW_SQUARE(3, 1, cases[i].pad)};
        conv_shape_complete(&s);
        double pair = 2.0 * 24 * 40;
        const struct conv_algorithm *row =
            conv_algorithm_named(CONV_FORWARD, "direct", &s);
        assert_true(conv_algorithm_work(row, &s) == conv_flops(&s));
        assert_true(conv_flops(&s) == pair * 9 * s.p * s.q);
        row = conv_algorithm_named(CONV_FORWARD, "winograd2", &s);
        assert_true(conv_algorithm_work(row, &s) == pair * 16 * cases[i].tiles2);
        row = conv_algorithm_named(CONV_WEIGHT, "winograd4", &s);
        assert_true(conv_algorithm_work(row, &s) == pair * 36 * cases[i].tiles4);
        row = conv_algorithm_named(CONV_DATA, "winograd4", &s);
        assert_true(conv_algorithm_work(row, &s) == pair * 36 * cases[i].tiles4_data);
    }
}

static const char *choice(enum conv_pass pass, const struct conv_shape *shape,
                          int winograd)
{
    const struct kernel_policy policy = {.winograd = winograd};
    return conv_algorithm_chosen(pass, shape, &policy)->name;
}

/* The rule: many channels and whole tiles of 4 x 4, of 2 x 2, or neither. */
static void test_rule(void **state)
{
    (void)state;
    static const struct {
        int size, c, k;
        const char *forward, *f2;
    } cases[] = {
        {32, 3, 64, "direct", "direct"},         {28, 1, 32, "direct", "direct"},
        {32, 16, 16, "winograd4", "direct"},     {56, 64, 64, "winograd4", "winograd2"},
        {7, 512, 512, "winograd4", "winograd2"}, {4, 512, 512, "winograd4", "winograd2"},
        {3, 256, 256, "winograd4", "winograd2"}, {2, 512, 512, "winograd2", "winograd2"},
        {6, 256, 256, "winograd2", "winograd2"}, {1, 512, 512, "direct", "direct"},
        {5, 16, 16, "direct", "direct"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct conv_shape s = square(cases[i].size, cases[i].c, cases[i].k, 1);
        assert_string_equal(choice(CONV_FORWARD, &s, POLICY_WINOGRAD_AUTO),
                            cases[i].forward);
        assert_string_equal(choice(CONV_FORWARD, &s, POLICY_WINOGRAD_2), cases[i].f2);
        assert_string_equal(choice(CONV_FORWARD, &s, POLICY_WINOGRAD_OFF), "direct");
        s.n = 1; /* the number of images is no matter */
        assert_string_equal(choice(CONV_FORWARD, &s, POLICY_WINOGRAD_AUTO),
                            cases[i].forward);
    }
    struct conv_shape s = square(8, 64, 64, 1);
    assert_string_equal(
        conv_algorithm_chosen(CONV_DATA, &s, &(struct kernel_policy){.bits = POLICY_BLAS})
            ->name,
        "blas");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_work),
        cmocka_unit_test(test_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
