#include "kernel_test.h"

#include "kernels/pool.h"
#include "kernels/reference.h"

struct pool_case {
    struct pool_shape shape;
    size_t xs, ys;
    float *x, *dy;
    float *max, *max_dx, *avg, *avg_dx; /* results */
    uint8_t *argmax;
};

static void results_init(struct pool_case *t)
{
    t->max = poisoned_floats(t->ys);
    t->avg = poisoned_floats(t->ys);
    t->max_dx = poisoned_floats(t->xs);
    t->avg_dx = poisoned_floats(t->xs);
    t->argmax = mem_aligned(t->ys, 1);
}

static void results_release(struct pool_case *t)
{
    free(t->max);
    free(t->avg);
    free(t->max_dx);
    free(t->avg_dx);
    free(t->argmax);
}

/* Few different values, so that windows have ties. */
static void case_init(struct pool_case *t, struct pool_shape shape, struct rng *rng)
{
    pool_shape_complete(&shape);
    t->shape = shape;
    t->xs = (size_t)(shape.n * shape.h * shape.w * shape.c);
    t->ys = (size_t)(shape.n * shape.p * shape.q * shape.c);
    t->x = random_floats(rng, t->xs);
    t->dy = random_floats(rng, t->ys);
    for (size_t i = 0; i < t->xs; i++)
        t->x[i] = roundf(t->x[i] * 3.0f);
}

static void case_release(struct pool_case *t)
{
    free(t->x);
    free(t->dy);
}

static void run_all(const struct team *team, void *context)
{
    struct pool_case *t = context;
    maxpool_forward(team, &t->shape, t->max, t->argmax, t->x);
    maxpool_backward(team, &t->shape, t->max_dx, t->dy, t->argmax);
    avgpool_forward(team, &t->shape, t->avg, t->x);
    avgpool_backward(team, &t->shape, t->avg_dx, t->dy);
}

static void run_reference(struct pool_case *t)
{
    reference_maxpool_forward(&t->shape, t->max, t->argmax, t->x);
    reference_maxpool_backward(&t->shape, t->max_dx, t->dy, t->argmax);
    reference_avgpool_forward(&t->shape, t->avg, t->x);
    reference_avgpool_backward(&t->shape, t->avg_dx, t->dy);
}

static struct pool_shape random_shape(struct rng *rng)
{
    struct pool_shape s = {.n = random_between(rng, 1, 5),
                           .h = random_between(rng, 4, 20),
                           .w = random_between(rng, 4, 20),
                           .c = random_between(rng, 1, 70),
                           .inside = random_between(rng, 0, 1)};
    s.r = random_window(rng, s.h, 4, 1);
    s.s = random_window(rng, s.w, 4, 1);
    return s;
}

static const struct pool_shape chosen[] = {
    {.n = 2, .h = 26, .w = 26, .c = 32, WINDOW_SQUARE(2, 2, 0)},
    {.n = 2, .h = 3, .w = 3, .c = 128, WINDOW_SQUARE(2, 2, 0)},
    {.n = 2, .h = 7, .w = 9, .c = 17, .r = {3, 2, 1, 0, 1}, .s = {2, 1, 0, 1, 1}},
    {.n = 2, .h = 6, .w = 6, .c = 20, .r = {3, 2, 0, 1, 1}, .s = {5, 5, 2}, .inside = 1},
    {.n = 1, .h = 16, .w = 16, .c = 3, WINDOW_SQUARE(16, 16, 0)},
    {.n = 1, .h = 1, .w = 1, .c = 1, WINDOW_SQUARE(2, 1, 1)},
};
#define CHOSEN (int)(sizeof chosen / sizeof *chosen)
#define RANDOM RANDOM_SHAPES(40)

static struct pool_shape shape_number(struct rng *rng, int i)
{
    return i < CHOSEN ? chosen[i] : random_shape(rng);
}

static void test_reference(void **state)
{
    (void)state;
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 1, RNG_TEST, 2, 0);
        for (int i = 0; i < CHOSEN + RANDOM; i++) {
            struct pool_case t, r;
            case_init(&t, shape_number(&rng, i), &rng);
            r = t;
            results_init(&t);
            results_init(&r);
            with_team(1, run_all, &t);
            run_reference(&r);
            assert_memory_equal(t.max, r.max, t.ys * sizeof(float));
            assert_memory_equal(t.argmax, r.argmax, t.ys);
            assert_near(t.max_dx, r.max_dx, t.xs, 1e-6);
            assert_near(t.avg, r.avg, t.ys, 1e-6);
            assert_near(t.avg_dx, r.avg_dx, t.xs, 1e-6);
            results_release(&t);
            results_release(&r);
            case_release(&t);
        }
    }
}

static void test_teams(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 2, RNG_TEST, 2, 0);
    kernels_select(cpu_isa());
    for (int i = 0; i < CHOSEN + RANDOM; i++) {
        struct pool_case t, alone;
        case_init(&t, shape_number(&rng, i), &rng);
        alone = t;
        results_init(&alone);
        with_team(1, run_all, &alone);
        EACH_TEAM(size, split)
        {
            results_init(&t);
            with_split(split, size, run_all, &t);
            assert_memory_equal(t.max, alone.max, t.ys * sizeof(float));
            assert_memory_equal(t.argmax, alone.argmax, t.ys);
            assert_memory_equal(t.max_dx, alone.max_dx, t.xs * sizeof(float));
            assert_memory_equal(t.avg, alone.avg, t.ys * sizeof(float));
            assert_memory_equal(t.avg_dx, alone.avg_dx, t.xs * sizeof(float));
            results_release(&t);
        }
        results_release(&alone);
        case_release(&t);
    }
}

/* The first of equals wins; NaN wins over all; a window of -inf is one. */
static void test_winner(void **state)
{
    (void)state;
    const float minus = -INFINITY;
    const float x[4][4] = {{2, 5, 5, 5},
                           {1, NAN, 9, 0},
                           {minus, minus, minus, minus},
                           {-0.0f, 0.0f, -1, -1}};
    struct pool_shape shape = {.n = 4, .h = 2, .w = 2, .c = 1, WINDOW_SQUARE(2, 2, 0)};
    struct team alone = {.size = 1};
    pool_shape_complete(&shape);
    EACH_ISA(isa)
    {
        float y[4];
        uint8_t argmax[4];
        maxpool_forward(&alone, &shape, y, argmax, &x[0][0]);
        assert_true(y[0] == 5 && argmax[0] == 1);
        assert_true(isnan(y[1]) && argmax[1] == 1);
        assert_true(y[2] == minus && argmax[2] == 0);
        assert_true(y[3] == 0 && argmax[3] == 0);
        maxpool_forward(&alone, &shape, y, NULL, &x[0][0]);
        assert_true(y[0] == 5 && isnan(y[1]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_teams),
        cmocka_unit_test(test_winner),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
