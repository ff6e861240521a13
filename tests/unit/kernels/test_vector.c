#include "kernel_test.h"

#include "kernels/vector.h"

static void test_argmax(void **state)
{
    (void)state;
    const float x[] = {-INFINITY, 2, -3, 7, 7, 1};
    assert_int_equal(vector_argmax(x, 1), 0);
    assert_int_equal(vector_argmax(x, 3), 1);
    assert_int_equal(vector_argmax(x, 6), 3); /* the first of equal ones */
    const float bad[] = {1, NAN, 2};
    assert_int_equal(vector_argmax(bad, 3), 2);
}

static void test_add(void **state)
{
    (void)state;
    float y[37], x[37];
    for (int i = 0; i < 37; i++) {
        y[i] = (float)i;
        x[i] = 0.5f;
    }
    vector_add(y, x, 37);
    for (int i = 0; i < 37; i++)
        assert_true(y[i] == (float)i + 0.5f);
}

static void test_finite(void **state)
{
    (void)state;
    float x[] = {0, -1e38f, 1e-40f};
    assert_true(vector_finite(x, 3));
    x[2] = NAN;
    assert_false(vector_finite(x, 3));
    assert_true(vector_finite(x, 2));
    x[0] = -INFINITY;
    assert_false(vector_finite(x, 2));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_argmax),
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_finite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
