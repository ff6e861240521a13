#include "kernel_test.h"

#include "kernels/conv_algorithm.h"
#include "kernels/lab.h"
#include "kernels/reference.h"

struct conv_case {
    struct conv_shape shape;
    size_t xs, ys, ws; /* floats */
    float *x, *w, *bias, *dy;
    float *y, *dw, *dbias, *dx; /* results */
    void *scratch;
};

static void case_init(struct conv_case *t, struct conv_shape shape, struct rng *rng)
{
    conv_shape_complete(&shape);
    t->shape = shape;
    t->xs = (size_t)(shape.n * shape.h * shape.w * shape.c);
    t->ys = (size_t)(shape.n * shape.p * shape.q * shape.k);
    t->ws = (size_t)shape.k * conv_taps(&shape);
    t->x = random_floats(rng, t->xs);
    t->w = random_floats(rng, t->ws);
    t->bias = random_floats(rng, (size_t)shape.k);
    t->dy = random_floats(rng, t->ys);
    t->y = poisoned_floats(t->ys);
    t->dx = poisoned_floats(t->xs);
    t->dw = poisoned_floats(t->ws);
    t->dbias = poisoned_floats((size_t)shape.k);
    t->scratch = poisoned_floats(conv_scratch(&shape, 5) / sizeof(float) + 1);
}

static void case_release(struct conv_case *t)
{
    float *all[] = {t->x, t->w, t->bias, t->dy, t->y, t->dx, t->dw, t->dbias, t->scratch};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void run_all(const struct team *team, void *context)
{
    struct conv_case *t = context;
    conv_forward(team, &t->shape, t->y, t->x, t->w, t->bias, t->scratch);
    conv_backward_weight(team, &t->shape, t->dw, t->dbias, t->x, t->dy, t->scratch);
    conv_backward_data(team, &t->shape, t->dx, t->dy, t->w, t->scratch);
}

/* Random shapes, not so large that the reference takes long. */
static struct conv_shape random_shape(struct rng *rng)
{
    for (;;) {
        struct conv_shape s = {.n = random_between(rng, 1, 40),
                               .h = random_between(rng, 3, 33),
                               .w = random_between(rng, 3, 33),
                               .c = random_between(rng, 1, 20),
                               .k = random_between(rng, 1, 70)};
        s.r = random_window(rng, s.h, 5, 2);
        s.s = random_window(rng, s.w, 5, 2);
        s.groups = random_between(rng, 1, 3);
        s.c *= s.groups;
        s.k *= s.groups;
        conv_shape_complete(&s);
        if ((double)s.n * s.p * s.q * s.k * (double)conv_taps(&s) < 2e6)
            return s;
    }
}

/* Chosen ones: the letters network's, 1x1, unequal sides, patches around the direct
   limit, windows that reach far into the padding. */
static const struct conv_shape chosen[] = {
    {.n = 3, .h = 28, .w = 28, .c = 1, .k = 32, WINDOW_SQUARE(3, 1, 0)},
    {.n = 5, .h = 13, .w = 13, .c = 32, .k = 64, WINDOW_SQUARE(3, 1, 0)},
    {.n = 7, .h = 5, .w = 5, .c = 64, .k = 128, WINDOW_SQUARE(3, 1, 0)},
    {.n = 2, .h = 9, .w = 7, .c = 48, .k = 33, WINDOW_SQUARE(1, 1, 0)},
    {.n = 2, .h = 9, .w = 7, .c = 48, .k = 33, WINDOW_SQUARE(1, 2, 0)},
    {.n = 1, .h = 1, .w = 1, .c = 1, .k = 1, WINDOW_SQUARE(1, 1, 0)},
    {.n = 2,
     .h = 6,
     .w = 11,
     .c = 3,
     .k = 40,
     .r = WINDOW(2, 1, 1),
     .s = WINDOW(5, 1, 1)},
    {.n = 2, .h = 8, .w = 8, .c = 2, .k = 17, WINDOW_SQUARE(4, 1, 3)},
    {.n = 2, .h = 3, .w = 3, .c = 11, .k = 5, WINDOW_SQUARE(3, 3, 2)},
    {.n = 1, .h = 40, .w = 40, .c = 16, .k = 8, WINDOW_SQUARE(3, 1, 1)},
    {.n = 2, .h = 7, .w = 9, .c = 3, .k = 18, .r = {3, 2, 0, 1, 1}, .s = {3, 1, 1}},
    {.n = 2, .h = 9, .w = 8, .c = 7, .k = 9, .r = {3, 1, 2, 0, 2}, .s = {5, 2, 4, 1, 3}},
    {.n = 2, .h = 8, .w = 7, .c = 12, .k = 20, WINDOW_SQUARE(3, 1, 1), .groups = 4},
    {.n = 3, .h = 6, .w = 5, .c = 34, .k = 4, WINDOW_SQUARE(1, 1, 0), .groups = 2},
    {.n = 2, .h = 9, .w = 5, .c = 6, .k = 150, WINDOW_SQUARE(3, 2, 1), .groups = 2},
    {.n = 2, .h = 6, .w = 6, .c = 5, .k = 10, WINDOW_SQUARE(3, 1, 1), .groups = 5},
    {.n = 2, .h = 7, .w = 6, .c = 21, .k = 21, WINDOW_SQUARE(3, 2, 1), .groups = 21},
    {.n = 12, .h = 30, .w = 30, .c = 24, .k = 6, WINDOW_SQUARE(3, 1, 1)},
    {.n = 9,
     .h = 31,
     .w = 30,
     .c = 16,
     .k = 5,
     .r = {5, 4, 1, 1, 1},
     .s = {3, 1, 1, 0, 1}},
    {.n = 2, .h = 2, .w = 2, .c = 9, .k = 20, WINDOW_SQUARE(5, 2, 4)},
};
#define CHOSEN (int)(sizeof chosen / sizeof *chosen)
#define RANDOM RANDOM_SHAPES(25)

static struct conv_shape shape_number(struct rng *rng, int i)
{
    return i < CHOSEN ? chosen[i] : random_shape(rng);
}

/* Winograd's tiles of 4 x 4 lose three bits. */
static double pass_limit(const struct conv_shape *s, enum conv_pass pass, size_t terms)
{
    const struct kernel_policy policy = {0};
    const char *name = conv_algorithm_chosen(pass, s, &policy)->name;
    return sum_limit(terms) * (strcmp(name, "winograd4") == 0 ? 8 : 1);
}

static void check_against_reference(struct conv_case *t)
{
    const struct conv_shape *s = &t->shape;
    size_t taps = conv_taps(s), pixels = (size_t)(s->n * s->p * s->q);
    float *y = poisoned_floats(t->ys), *dx = poisoned_floats(t->xs);
    float *dw = poisoned_floats(t->ws), *dbias = poisoned_floats((size_t)s->k);
    reference_conv_forward(s, y, t->x, t->w, t->bias);
    reference_conv_backward_weight(s, dw, dbias, t->x, t->dy);
    reference_conv_backward_data(s, dx, t->dy, t->w);
    assert_near(t->y, y, t->ys, pass_limit(s, CONV_FORWARD, taps));
    assert_near(t->dw, dw, t->ws, pass_limit(s, CONV_WEIGHT, pixels));
    assert_near(t->dbias, dbias, (size_t)s->k, sum_limit(pixels));
    assert_near(t->dx, dx, t->xs,
                pass_limit(s, CONV_DATA,
                           (size_t)(s->r.size * s->s.size * s->k / conv_groups(s))));
    free(y);
    free(dx);
    free(dw);
    free(dbias);
}

static void test_reference(void **state)
{
    (void)state;
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 1, RNG_TEST, 0, 0);
        for (int i = 0; i < CHOSEN + RANDOM; i++) {
            struct conv_case t;
            case_init(&t, shape_number(&rng, i), &rng);
            with_team(1, run_all, &t);
            check_against_reference(&t);
            case_release(&t);
        }
    }
}

/* <conv(x), dy> = <x, dx> = <w, dw>: the three passes are one bilinear form. */
static void test_adjoint(void **state)
{
    (void)state;
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 2, RNG_TEST, 0, 0);
        for (int i = 0; i < CHOSEN + RANDOM; i++) {
            struct conv_case t;
            case_init(&t, shape_number(&rng, i), &rng);
            memset(t.bias, 0, (size_t)t.shape.k * sizeof *t.bias);
            with_team(1, run_all, &t);
            double form = inner_product(t.y, t.dy, t.ys);
            double size =
                sqrt(inner_product(t.y, t.y, t.ys) * inner_product(t.dy, t.dy, t.ys));
            assert_true(fabs(form - inner_product(t.x, t.dx, t.xs)) <= 1e-6 * size);
            assert_true(fabs(form - inner_product(t.w, t.dw, t.ws)) <= 1e-6 * size);
            case_release(&t);
        }
    }
}

static void test_teams(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 3, RNG_TEST, 0, 0);
    kernels_select(cpu_isa());
    for (int i = 0; i < CHOSEN + RANDOM; i++) {
        struct conv_case t;
        case_init(&t, shape_number(&rng, i), &rng);
        with_team(1, run_all, &t);
        float *alone[] = {t.y, t.dx, t.dw, t.dbias};
        size_t count[] = {t.ys, t.xs, t.ws, (size_t)t.shape.k};
        EACH_TEAM(size, split)
        {
            t.y = poisoned_floats(count[0]);
            t.dx = poisoned_floats(count[1]);
            t.dw = poisoned_floats(count[2]);
            t.dbias = poisoned_floats(count[3]);
            with_split(split, size, run_all, &t);
            float *shared[] = {t.y, t.dx, t.dw, t.dbias};
            for (int k = 0; k < 4; k++) {
                assert_memory_equal(alone[k], shared[k], count[k] * sizeof(float));
                free(shared[k]);
            }
        }
        t.y = alone[0];
        t.dx = alone[1];
        t.dw = alone[2];
        t.dbias = alone[3];
        case_release(&t);
    }
}

/* Images do not touch each other: zeros give the bias everywhere, also beside an image of
   NaN. */
static void test_images_apart(void **state)
{
    (void)state;
    EACH_ISA(isa)
    {
        for (int i = 0; i < CHOSEN; i++) {
            struct rng rng;
            rng_init(&rng, 4, RNG_TEST, 0, 0);
            struct conv_case t;
            struct conv_shape shape = chosen[i];
            shape.n = 2;
            case_init(&t, shape, &rng);
            memset(t.x, 0, t.xs * sizeof *t.x);
            for (size_t j = t.xs / 2; j < t.xs; j++)
                t.x[j] = NAN;
            with_team(1, run_all, &t);
            for (size_t j = 0; j < t.ys / 2; j++)
                assert_true(t.y[j] == t.bias[j % (size_t)shape.k]);
            case_release(&t);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_adjoint),
        cmocka_unit_test(test_teams),
        cmocka_unit_test(test_images_apart),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
