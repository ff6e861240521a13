#include "kernel_test.h"

#include "kernels/linear.h"
#include "kernels/reference.h"

struct linear_case {
    struct linear_shape shape;
    size_t xs, ys, ws;
    float *x, *w, *bias, *dy;
    float *y, *dx, *dw, *dbias; /* results */
};

static void case_init(struct linear_case *t, struct linear_shape shape, struct rng *rng)
{
    t->shape = shape;
    t->xs = (size_t)(shape.n * shape.in);
    t->ys = (size_t)(shape.n * shape.out);
    t->ws = (size_t)(shape.in * shape.out);
    t->x = random_floats(rng, t->xs);
    t->w = random_floats(rng, t->ws);
    t->bias = random_floats(rng, (size_t)shape.out);
    t->dy = random_floats(rng, t->ys);
}

static void results_init(struct linear_case *t)
{
    t->y = poisoned_floats(t->ys);
    t->dx = poisoned_floats(t->xs);
    t->dw = poisoned_floats(t->ws);
    t->dbias = poisoned_floats((size_t)t->shape.out);
}

static void results_release(struct linear_case *t)
{
    free(t->y);
    free(t->dx);
    free(t->dw);
    free(t->dbias);
}

static void case_release(struct linear_case *t)
{
    free(t->x);
    free(t->w);
    free(t->bias);
    free(t->dy);
}

static void run_all(const struct team *team, void *context)
{
    struct linear_case *t = context;
    linear_forward(team, &t->shape, t->y, t->x, t->w, t->bias);
    linear_backward_weight(team, &t->shape, t->dw, t->dbias, t->x, t->dy);
    linear_backward_data(team, &t->shape, t->dx, t->dy, t->w);
}

static const struct linear_shape chosen[] = {
    {.n = 32, .in = 128, .out = 512}, {.n = 32, .in = 256, .out = 26},
    {.n = 1, .in = 1, .out = 1},      {.n = 1, .in = 300, .out = 300},
    {.n = 17, .in = 129, .out = 127}, {.n = 40, .in = 3, .out = 257},
    {.n = 16, .in = 600, .out = 33},  {.n = 65, .in = 513, .out = 50},
    {.n = 15, .in = 40, .out = 200},  {.n = 150, .in = 300, .out = 70},
};
#define CHOSEN (int)(sizeof chosen / sizeof *chosen)

static struct linear_shape shape_number(struct rng *rng, int i)
{
    if (i < CHOSEN)
        return chosen[i];
    return (struct linear_shape){.n = random_between(rng, 1, 40),
                                 .in = random_between(rng, 1, 300),
                                 .out = random_between(rng, 1, 300)};
}

static void test_reference(void **state)
{
    (void)state;
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 1, RNG_TEST, 1, 0);
        for (int i = 0; i < CHOSEN + RANDOM_SHAPES(10); i++) {
            struct linear_case t, r;
            case_init(&t, shape_number(&rng, i), &rng);
            r = t;
            results_init(&t);
            results_init(&r);
            with_team(1, run_all, &t);
            reference_linear_forward(&r.shape, r.y, r.x, r.w, r.bias);
            reference_linear_backward_weight(&r.shape, r.dw, r.dbias, r.x, r.dy);
            reference_linear_backward_data(&r.shape, r.dx, r.dy, r.w);
            assert_near(t.y, r.y, t.ys, sum_limit((size_t)t.shape.in));
            assert_near(t.dx, r.dx, t.xs, sum_limit((size_t)t.shape.out));
            assert_near(t.dw, r.dw, t.ws, sum_limit((size_t)t.shape.n));
            assert_near(t.dbias, r.dbias, (size_t)t.shape.out,
                        sum_limit((size_t)t.shape.n));
            results_release(&t);
            results_release(&r);
            case_release(&t);
        }
    }
}

static void check_teams(struct rng *rng, int number)
{
    struct linear_case t, alone;
    case_init(&t, shape_number(rng, number), rng);
    alone = t;
    results_init(&alone);
    with_team(1, run_all, &alone);
    EACH_TEAM(size, split)
    {
        results_init(&t);
        with_split(split, size, run_all, &t);
        assert_memory_equal(t.y, alone.y, t.ys * sizeof(float));
        assert_memory_equal(t.dx, alone.dx, t.xs * sizeof(float));
        assert_memory_equal(t.dw, alone.dw, t.ws * sizeof(float));
        assert_memory_equal(t.dbias, alone.dbias, (size_t)t.shape.out * sizeof(float));
        results_release(&t);
    }
    results_release(&alone);
    case_release(&t);
}

static void test_teams(void **state)
{
    (void)state;
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 2, RNG_TEST, 1, 0);
        for (int i = 0; i < CHOSEN + RANDOM_SHAPES(10); i++)
            check_teams(&rng, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_teams),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
