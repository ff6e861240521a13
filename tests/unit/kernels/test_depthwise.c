#include "kernel_test.h"

#include "kernels/depthwise.h"
#include "kernels/reference.h"

#define GOLDEN_BITS 0x0d6994d01084d17eu

struct depthwise_case {
    struct conv_shape shape;
    size_t xs, ys, ws;
    float *x, *w, *bias, *dy;
    float *y, *dx, *dw, *dbias; /* results */
    enum activation activation;
};

static void run_all(const struct team *team, void *context)
{
    struct depthwise_case *t = context;
    const struct depthwise_by by = {t->w, t->bias, t->activation};
    depthwise_forward(team, &t->shape, t->y, t->x, &by);
    depthwise_backward_weight(team, &t->shape, t->dw, t->x, t->dy, false);
    conv_backward_bias(team, &t->shape, t->dbias, t->dy);
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

static void case_results(struct depthwise_case *t)
{
    t->y = poisoned_floats(t->ys);
    t->dx = poisoned_floats(t->xs);
    t->dw = poisoned_floats(t->ws);
    t->dbias = poisoned_floats((size_t)t->shape.c);
}

static void case_init(struct depthwise_case *t, struct conv_shape shape, struct rng *rng)
{
    shape.k = shape.groups = shape.c;
    conv_shape_complete(&shape);
    t->shape = shape;
    t->activation = ACTIVATION_NONE;
    t->xs = (size_t)(shape.n * shape.h * shape.w * shape.c);
    t->ys = (size_t)(shape.n * shape.p * shape.q * shape.c);
    t->ws = (size_t)(shape.r.size * shape.s.size * shape.c);
    t->x = random_floats(rng, t->xs);
    t->w = random_floats(rng, t->ws);
    t->bias = random_floats(rng, (size_t)shape.c);
    t->dy = random_floats(rng, t->ys);
    case_results(t);
}

static void free_results(struct depthwise_case *t)
{
    float *all[] = {t->y, t->dx, t->dw, t->dbias};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void free_values(struct depthwise_case *t)
{
    float *all[] = {t->x, t->w, t->bias, t->dy};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* An activation while y is written, and afterwards: the same bits. */
static void check_activation(const struct depthwise_case *t, enum activation kind)
{
    struct depthwise_case with = *t;
    float *y = mem_aligned(t->ys, sizeof *y);
    const struct team alone = {.size = 1};
    with.activation = kind;
    case_results(&with);
    with_team(1, run_all, &with);
    activation_forward(&alone, kind, y, NULL, t->y, t->ys);
    assert_memory_equal(with.y, y, t->ys * sizeof *y);
    assert_memory_equal(with.dx, t->dx, t->xs * sizeof *y);
    free(y);
    free_results(&with);
}

static void check_shape(struct conv_shape shape, struct rng *rng)
{
    struct depthwise_case t;
    case_init(&t, shape, rng);
    with_team(1, run_all, &t);
    check_reference(&t);
    check_activation(&t, ACTIVATION_RELU);
    check_activation(&t, ACTIVATION_RELU6);
    struct depthwise_case team = t;
    case_results(&team);
    EACH_TEAM(size, split)
    {
        if (split == SPLIT_SEQUENTIAL)
            continue;
        with_split(split, size, run_all, &team);
        assert_memory_equal(t.y, team.y, t.ys * sizeof(float));
        assert_memory_equal(t.dx, team.dx, t.xs * sizeof(float));
        assert_memory_equal(t.dw, team.dw, t.ws * sizeof(float));
    }
    free_results(&team);
    free_results(&t);
    free_values(&t);
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
        {.n = 2, .h = 5, .w = 20, .c = 24, WINDOW_SQUARE(3, 1, 1)},
        {.n = 1, .h = 12, .w = 19, .c = 72, WINDOW_SQUARE(3, 2, 1)},
        {.n = 1, .h = 11, .w = 34, .c = 20, WINDOW_SQUARE(5, 1, 2)},
        {.n = 2, .h = 10, .w = 18, .c = 37, WINDOW_SQUARE(5, 2, 2)},
        {.n = 1, .h = 7, .w = 7, .c = 40, WINDOW_SQUARE(7, 1, 3)},
        {.n = 1, .h = 9, .w = 11, .c = 19, WINDOW_SQUARE(3, 3, 1)},
        {.n = 1, .h = 12, .w = 13, .c = 9, .r = {3, 1, 2, 0, 2}, .s = {3, 2, 2, 0, 2}},
    };
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 1, RNG_TEST, 6, 0);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            check_shape(shapes[i], &rng);
    }
}

/* Windows of any kind, channels around the widths of vectors. */
static void test_windows(void **state)
{
    (void)state;
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 1, RNG_TEST, 7, 0);
        for (int i = 0; i < 40; i++) {
            struct conv_shape shape = {.n = random_between(&rng, 1, 3),
                                       .h = random_between(&rng, 1, 12),
                                       .w = random_between(&rng, 1, 24),
                                       .c = random_between(&rng, 2, 35)};
            shape.r = random_window(&rng, shape.h, 5, 3);
            shape.s = random_window(&rng, shape.w, 5, 3);
            check_shape(shape, &rng);
        }
    }
}

/* Shapes of MobileNet and EfficientNet in small: what has kernels of its own. */
static const struct conv_shape usual[] = {
    {.n = 2, .h = 9, .w = 14, .c = 24, WINDOW_SQUARE(3, 1, 1)},
    {.n = 2, .h = 10, .w = 16, .c = 37, WINDOW_SQUARE(3, 2, 1)},
    {.n = 2, .h = 7, .w = 7, .c = 40, WINDOW_SQUARE(5, 1, 2)},
    {.n = 2, .h = 14, .w = 13, .c = 20, WINDOW_SQUARE(5, 2, 2)},
    {.n = 1, .h = 5, .w = 6, .c = 3, WINDOW_SQUARE(7, 1, 3)},
};
#define EACH_USUAL(i) for (size_t i = 0; i < sizeof usual / sizeof *usual; i++)

/* Values that are the same on every machine; results in one piece: y, dx, dw, dbias. */
static float *usual_results(const struct conv_shape *of, size_t *count)
{
    struct rng rng;
    struct depthwise_case t;
    rng_init(&rng, 1, RNG_TEST, 8, 0);
    case_init(&t, *of, &rng);
    *count = t.ys + t.xs + t.ws + (size_t)t.shape.c;
    float *all = poisoned_floats(*count);
    free_results(&t);
    t.y = all;
    t.dx = t.y + t.ys;
    t.dw = t.dx + t.xs;
    t.dbias = t.dw + t.ws;
    with_team(1, run_all, &t);
    free_values(&t);
    return all;
}

/* Plain C is the definition; v2 has no fused multiply-add, and bits of its own. */
static void test_same_bits(void **state)
{
    (void)state;
    EACH_USUAL(i)
    {
        size_t count;
        kernels_select(CPU_PLAIN);
        float *plain = usual_results(&usual[i], &count);
        for (enum cpu_isa isa = CPU_V3; isa <= cpu_isa(); isa++) {
            kernels_select(isa);
            float *results = usual_results(&usual[i], &count);
            assert_memory_equal(results, plain, count * sizeof *plain);
            free(results);
        }
        free(plain);
    }
}

/* FNV-1a of the results on every processor. A change of it is a change of the bits. */
static void test_golden_bits(void **state)
{
    (void)state;
    uint64_t hash = 0xcbf29ce484222325u;
    kernels_select(CPU_PLAIN);
    EACH_USUAL(i)
    {
        size_t count;
        float *results = usual_results(&usual[i], &count);
        const unsigned char *bytes = (const unsigned char *)results;
        for (size_t b = 0; b < count * sizeof *results; b++)
            hash = (hash ^ bytes[b]) * 0x100000001b3u;
        free(results);
    }
    if (hash != GOLDEN_BITS)
        fail_msg("bits of depthwise: 0x%llx", (unsigned long long)hash);
}

/* Many images, whose results pass the caches, have the results of the last one alone. */
static void test_images_apart(void **state)
{
    (void)state;
    struct rng rng;
    struct depthwise_case many, one;
    struct conv_shape shape = {
        .n = 33, .h = 64, .w = 66, .c = 64, WINDOW_SQUARE(3, 1, 1)};
    rng_init(&rng, 1, RNG_TEST, 9, 0);
    kernels_select(cpu_isa());
    case_init(&many, shape, &rng);
    with_split(SPLIT_BATCH, 2, run_all, &many);
    one = many;
    one.shape.n = 1;
    one.xs = one.ys = many.xs / 33;
    case_results(&one);
    one.x = many.x + 32 * one.xs;
    one.dy = many.dy + 32 * one.ys;
    with_team(1, run_all, &one);
    assert_memory_equal(many.y + 32 * one.ys, one.y, one.ys * sizeof(float));
    assert_memory_equal(many.dx + 32 * one.xs, one.dx, one.xs * sizeof(float));
    free_results(&one);
    free_results(&many);
    free_values(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes), cmocka_unit_test(test_windows),
        cmocka_unit_test(test_same_bits), cmocka_unit_test(test_golden_bits),
        cmocka_unit_test(test_images_apart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
