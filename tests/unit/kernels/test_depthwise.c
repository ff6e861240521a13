#include "kernel_test.h"

#include "kernels/depthwise.h"
#include "kernels/reference.h"

struct depthwise_case {
    struct conv_shape shape;
    size_t xs, ys, ws;
    float *x, *w, *bias, *dy;
    float *y, *dx, *dw, *dbias; /* results */
};

static void run_all(const struct team *team, void *context)
{
    struct depthwise_case *t = context;
    depthwise_forward(team, &t->shape, t->y, t->x, t->w, t->bias);
    depthwise_backward_weight(team, &t->shape, t->dw, t->dbias, t->x, t->dy);
    depthwise_backward_data(team, &t->shape, t->dx, t->dy, t->w);
}

static void check_reference(const struct depthwise_case *t)
{
    const struct conv_shape *s = &t->shape;
    size_t outputs = (size_t)(s->n * s->p * s->q), taps = conv_taps(s);
    float *y = poisoned_floats(t->ys), *dx = poisoned_floats(t->xs);
    float *dw = poisoned_floats(t->ws), *dbias = poisoned_floats((size_t)s->c);
    reference_conv_forward(s, y, t->x, t->w, t->bias);
    reference_conv_backward_weight(s, dw, dbias, t->x, t->dy);
    reference_conv_backward_data(s, dx, t->dy, t->w);
    assert_near(t->y, y, t->ys, sum_limit(taps));
    assert_near(t->dx, dx, t->xs, sum_limit(taps));
    assert_near(t->dw, dw, t->ws, sum_limit(outputs));
    assert_near(t->dbias, dbias, (size_t)s->c, sum_limit(outputs));
    float *all[] = {dw, y, dx, dbias};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void check_shape(struct conv_shape shape, struct rng *rng)
{
    struct depthwise_case t = {0};
    shape.k = shape.groups = shape.c;
    conv_shape_complete(&shape);
    t.shape = shape;
    t.xs = (size_t)(shape.n * shape.h * shape.w * shape.c);
    t.ys = (size_t)(shape.n * shape.p * shape.q * shape.c);
    t.ws = (size_t)(shape.r.size * shape.s.size * shape.c);
    t.x = random_floats(rng, t.xs);
    t.w = random_floats(rng, t.ws);
    t.bias = random_floats(rng, (size_t)shape.c);
    t.dy = random_floats(rng, t.ys);
    t.y = poisoned_floats(t.ys);
    t.dx = poisoned_floats(t.xs);
    t.dw = poisoned_floats(t.ws);
    t.dbias = poisoned_floats((size_t)shape.c);
    with_team(1, run_all, &t);
    check_reference(&t);
    struct depthwise_case team = t;
    team.y = poisoned_floats(t.ys);
    team.dx = poisoned_floats(t.xs);
    team.dw = poisoned_floats(t.ws);
    team.dbias = poisoned_floats((size_t)shape.c);
    EACH_TEAM(size, split)
    {
        if (split == SPLIT_SEQUENTIAL)
            continue;
        with_split(split, size, run_all, &team);
        assert_memory_equal(t.y, team.y, t.ys * sizeof(float));
        assert_memory_equal(t.dx, team.dx, t.xs * sizeof(float));
        assert_memory_equal(t.dw, team.dw, t.ws * sizeof(float));
    }
    float *all[] = {t.x,  t.w,     t.bias, t.dy,    t.y,     t.dx,
                    t.dw, t.dbias, team.y, team.dx, team.dw, team.dbias};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void test_shapes(void **state)
{
    (void)state;
    const struct conv_shape shapes[] = {
        {.n = 2, .h = 7, .w = 6, .c = 5, WINDOW_SQUARE(3, 1, 1)},
        {.n = 1, .h = 9, .w = 9, .c = 17, WINDOW_SQUARE(5, 2, 2)},
        {.n = 3, .h = 4, .w = 5, .c = 33, WINDOW_SQUARE(1, 1, 0)},
        {.n = 2, .h = 8, .w = 5, .c = 2, .r = WINDOW(3, 3, 1), .s = WINDOW(2, 3, 1)},
        {.n = 5, .h = 3, .w = 3, .c = 16, WINDOW_SQUARE(3, 1, 2)},
        {.n = 2, .h = 9, .w = 4, .c = 18, .r = {5, 2, 1, 1, 2}, .s = WINDOW(1, 3, 0)},
        {.n = 1, .h = 6, .w = 7, .c = 35, .r = {3, 2, 0, 1, 1}, .s = {3, 1, 3, 0, 3}},
    };
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 1, RNG_TEST, 6, 0);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            check_shape(shapes[i], &rng);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
