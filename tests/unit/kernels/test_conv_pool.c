#include "kernel_test.h"

#include "kernels/activation.h"
#include "kernels/conv_pool.h"
#include "kernels/reference.h"

enum { MOST = 5 }; /* members of a team: EACH_TEAM */

struct block_case {
    struct conv_pool_shape shape;
    bool biased;
    struct conv_shape conv;
    struct pool_shape pool;
    size_t xs, ys, cs, ws; /* floats of x, y, the convolution's output, w */
    float *x, *w, *bias, *dy, *packed, *back;
    float *y, *slope, *dw, *dbias, *dx; /* results */
    uint8_t *argmax;
    void *scratch;
};

static void case_init(struct block_case *t, struct conv_pool_shape shape, struct rng *rng)
{
    conv_pool_complete(&shape);
    shape.winograd = shape.c >= 5 && rng_below(rng, 3);
    shape.narrow = rng_below(rng, 2);
    t->shape = shape;
    t->biased = rng_below(rng, 2);
    t->conv = (struct conv_shape){.n = shape.n,
                                  .h = shape.h,
                                  .w = shape.w,
                                  .c = shape.c,
                                  .k = shape.k,
                                  WINDOW_SQUARE(3, 1, shape.pad)};
    conv_shape_complete(&t->conv);
    t->pool = (struct pool_shape){.n = shape.n,
                                  .h = t->conv.p,
                                  .w = t->conv.q,
                                  .c = shape.k,
                                  WINDOW_SQUARE(2, 2, 0)};
    pool_shape_complete(&t->pool);
    assert_int_equal(t->pool.p, shape.p);
    assert_int_equal(t->pool.q, shape.q);
    t->xs = (size_t)(shape.n * shape.h * shape.w * shape.c);
    t->ys = (size_t)(shape.n * shape.p * shape.q * shape.k);
    t->cs = (size_t)(shape.n * t->conv.p * t->conv.q * shape.k);
    t->ws = (size_t)(shape.k * 9 * shape.c);
    t->x = random_floats(rng, t->xs + CONV_POOL_SLACK);
    memset(t->x + t->xs, 0xff, CONV_POOL_SLACK * sizeof *t->x); /* NaN: never in a sum */
    t->w = random_floats(rng, t->ws);
    t->bias = random_floats(rng, (size_t)shape.k);
    if (!t->biased)
        memset(t->bias, 0, (size_t)shape.k * sizeof *t->bias);
    t->dy = random_floats(rng, t->ys);
    t->y = poisoned_floats(t->ys);
    t->slope = poisoned_floats(t->ys);
    for (size_t i = 0; shape.activation == CONV_POOL_NONE && i < t->ys; i++)
        t->slope[i] = 1.0f;
    t->argmax = mem_zeroed(t->ys, 1);
    t->dx = poisoned_floats(t->xs);
    t->dw = poisoned_floats(t->ws);
    t->dbias = poisoned_floats((size_t)shape.k);
    t->packed = poisoned_floats(conv_pool_packed(&shape));
    t->back = poisoned_floats(conv_pool_packed_back(&shape));
    size_t bytes = conv_pool_scratch(&shape) + MOST * conv_pool_scratch_member(&shape);
    t->scratch = poisoned_floats(bytes / sizeof(float) + 1);
}

static void case_release(struct block_case *t)
{
    void *all[] = {t->x,  t->w,     t->bias,    t->dy,     t->y,      t->slope, t->dx,
                   t->dw, t->dbias, t->scratch, t->argmax, t->packed, t->back};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void run_all(const struct team *team, void *context)
{
    struct block_case *t = context;
    float *slope = t->shape.activation == CONV_POOL_NONE ? NULL : t->slope;
    const struct conv_pool_result result = {t->y, t->argmax, slope};
    conv_pool_pack(team, &t->shape, t->packed, t->back, t->w);
    conv_pool_forward(team, &t->shape, &result, t->x, t->packed,
                      t->biased ? t->bias : NULL, t->scratch);
    const struct conv_pool_gradient gradient = {.dx = t->dx,
                                                .dweight = t->dw,
                                                .dbias = t->biased ? t->dbias : NULL,
                                                .x = t->x,
                                                .back = t->back,
                                                .dy = t->dy,
                                                .slope = slope,
                                                .argmax = t->argmax};
    conv_pool_backward(team, &t->shape, &gradient, t->scratch);
}

static struct conv_pool_shape random_shape(struct rng *rng)
{
    for (;;) {
        struct conv_pool_shape s = {.n = random_between(rng, 1, 40),
                                    .h = random_between(rng, 3, 33),
                                    .w = random_between(rng, 3, 33),
                                    .c = random_between(rng, 1, 40),
                                    .k = random_between(rng, 1, 140),
                                    .pad = random_between(rng, 0, 1),
                                    .activation = random_between(rng, 0, 2)};
        if (rng_below(rng, 4) == 0)
            s.c = random_between(rng, 1, 4);
        conv_pool_complete(&s);
        if (s.p > 0 && s.q > 0 && (double)s.n * s.h * s.w * s.k * 9 * s.c < 2e6)
            return s;
    }
}

static const struct conv_pool_shape chosen[] = {
    {.n = 3, .h = 28, .w = 28, .c = 1, .k = 32, .activation = CONV_POOL_GELU},
    {.n = 5, .h = 13, .w = 13, .c = 32, .k = 64, .activation = CONV_POOL_GELU},
    {.n = 7, .h = 5, .w = 5, .c = 64, .k = 128, .activation = CONV_POOL_GELU},
    {.n = 2, .h = 4, .w = 4, .c = 17, .k = 1},
    {.n = 2, .h = 2, .w = 2, .c = 5, .k = 65, .pad = 1, .activation = CONV_POOL_RELU},
    {.n = 2, .h = 5, .w = 8, .c = 3, .k = 16, .pad = 1},
    {.n = 1, .h = 7, .w = 4, .c = 33, .k = 130, .activation = CONV_POOL_RELU},
    /* Several blocks of images. */
    {.n = 13, .h = 29, .w = 28, .c = 18, .k = 17, .pad = 1},
};
#define CHOSEN (int)(sizeof chosen / sizeof *chosen)
#define RANDOM RANDOM_SHAPES(30)

static struct conv_pool_shape shape_number(struct rng *rng, int i)
{
    return i < CHOSEN ? chosen[i] : random_shape(rng);
}

static void reference_activation(int kind, double m, double *y, double *slope)
{
    *y = m;
    *slope = 1.0;
    if (kind == CONV_POOL_GELU) {
        *y = reference_gelu(m);
        *slope = reference_gelu_slope(m);
    } else if (kind == CONV_POOL_RELU) {
        *y = m > 0.0 ? m : 0.0;
        *slope = m > 0.0;
    }
}

/* The convolution's value at the place that argmax names for output i. */
static float value_at(const struct block_case *t, const float *conv, size_t i)
{
    size_t k = (size_t)t->shape.k, pixel = i / k;
    int q = (int)(pixel % (size_t)t->shape.q), p = (int)(pixel / (size_t)t->shape.q);
    int image = p / t->shape.p;
    p = p % t->shape.p * 2 + t->argmax[i] / 2;
    q = q * 2 + t->argmax[i] % 2;
    return conv[((size_t)(image * t->conv.p + p) * (size_t)t->conv.q + (size_t)q) * k +
                i % k];
}

static void check_forward(const struct block_case *t)
{
    double limit = sum_limit((size_t)(9 * t->shape.c));
    float *conv = poisoned_floats(t->cs), *best = poisoned_floats(t->ys);
    uint8_t *argmax = mem_zeroed(t->ys, 1);
    reference_conv_forward(&t->conv, conv, t->x, t->w, t->bias);
    reference_maxpool_forward(&t->pool, best, argmax, conv);
    for (size_t i = 0; i < t->ys; i++) {
        double y, slope;
        reference_activation(t->shape.activation, (double)best[i], &y, &slope);
        assert_near(&t->y[i], &(float){(float)y}, 1, 1.2 * limit + 1e-6);
        if (t->shape.activation != CONV_POOL_RELU || fabs((double)best[i]) > limit)
            assert_near(&t->slope[i], &(float){(float)slope}, 1, limit + 1e-6);
        assert_true(t->argmax[i] < 4);
        assert_near(&(float){value_at(t, conv, i)}, &best[i], 1, 2 * limit);
    }
    free(conv);
    free(best);
    free(argmax);
}

/* Backward is compared where forward put the maxima: near-ties may fall either way. */
static void check_backward(const struct block_case *t)
{
    const struct conv_shape *s = &t->conv;
    float *g = poisoned_floats(t->ys), *dconv = poisoned_floats(t->cs);
    float *dx = poisoned_floats(t->xs), *dw = poisoned_floats(t->ws);
    float *dbias = poisoned_floats((size_t)s->k);
    for (size_t i = 0; i < t->ys; i++)
        g[i] = t->dy[i] * t->slope[i];
    reference_maxpool_backward(&t->pool, dconv, g, t->argmax);
    reference_conv_backward_weight(s, dw, dbias, t->x, dconv);
    reference_conv_backward_data(s, dx, dconv, t->w);
    size_t windows = (size_t)(s->n * t->shape.p * t->shape.q);
    assert_near(t->dw, dw, t->ws, 1.2 * sum_limit(windows));
    if (t->biased)
        assert_near(t->dbias, dbias, (size_t)s->k, 1.2 * sum_limit(windows));
    assert_near(t->dx, dx, t->xs, 1.2 * sum_limit((size_t)(4 * s->k)));
    free(g);
    free(dconv);
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
            struct block_case t;
            case_init(&t, shape_number(&rng, i), &rng);
            with_team(1, run_all, &t);
            check_forward(&t);
            check_backward(&t);
            case_release(&t);
        }
    }
}

static void *copy_of(const void *p, size_t bytes)
{
    return memcpy(mem_zeroed(bytes, 1), p, bytes);
}

/* Any team, and a second run in a used scratch, give the bits of one thread. */
static void test_team_bits(void **state)
{
    (void)state;
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 2, RNG_TEST, 0, 0);
        for (int i = 0; i < CHOSEN + RANDOM / 2; i++) {
            struct block_case t;
            case_init(&t, shape_number(&rng, i), &rng);
            with_team(1, run_all, &t);
            float *y = copy_of(t.y, t.ys * sizeof *y),
                  *dx = copy_of(t.dx, t.xs * sizeof *dx);
            float *dw = copy_of(t.dw, t.ws * sizeof *dw);
            float *dbias = copy_of(t.dbias, (size_t)t.shape.k * sizeof *dbias);
            EACH_TEAM(size, split)
            {
                with_split(split, size, run_all, &t);
                assert_memory_equal(t.y, y, t.ys * sizeof *y);
                assert_memory_equal(t.dx, dx, t.xs * sizeof *dx);
                assert_memory_equal(t.dw, dw, t.ws * sizeof *dw);
                assert_memory_equal(t.dbias, dbias, (size_t)t.shape.k * sizeof *dbias);
            }
            free(y);
            free(dx);
            free(dw);
            free(dbias);
            case_release(&t);
        }
    }
}

/* All instruction sets with a fused multiply-add give the same bits. */
static void test_portable_bits(void **state)
{
    (void)state;
    for (int i = 0; i < CHOSEN + RANDOM / 2; i++) {
        float *y = NULL, *dx = NULL, *dw = NULL;
        EACH_ISA(isa)
        {
            struct rng rng;
            struct block_case t;
            rng_init(&rng, 4, RNG_TEST, (uint32_t)i, 0);
            struct conv_pool_shape shape = shape_number(&rng, i);
            if (shape.activation == CONV_POOL_GELU)
                shape.activation = CONV_POOL_NONE;
            case_init(&t, shape, &rng);
            with_team(1, run_all, &t);
            if (!y) {
                y = copy_of(t.y, t.ys * sizeof *y);
                dx = copy_of(t.dx, t.xs * sizeof *dx);
                dw = copy_of(t.dw, t.ws * sizeof *dw);
            } else if (isa != CPU_V2) {
                assert_memory_equal(t.y, y, t.ys * sizeof *y);
                assert_memory_equal(t.dx, dx, t.xs * sizeof *dx);
                assert_memory_equal(t.dw, dw, t.ws * sizeof *dw);
            }
            case_release(&t);
        }
        free(y);
        free(dx);
        free(dw);
    }
}

/* Root mean square of the errors of y against a convolution in double. */
static double forward_error(struct block_case *t, const float *best, bool winograd)
{
    double sum = 0.0;
    t->shape.winograd = winograd;
    with_team(1, run_all, t);
    for (size_t i = 0; i < t->ys; i++) {
        double error = (double)t->y[i] - (double)best[i];
        sum += error * error;
    }
    return sqrt(sum / (double)t->ys);
}

/* F(2x2, 3x3) is as accurate as the sum over the taps. */
static void test_accuracy(void **state)
{
    (void)state;
    EACH_ISA(isa)
    for (int c = 16; c <= 128; c *= 2) {
        struct rng rng;
        struct block_case t;
        rng_init(&rng, 5, RNG_TEST, (uint32_t)c, 0);
        case_init(&t, (struct conv_pool_shape){.n = 2, .h = 8, .w = 8, .c = c, .k = 32},
                  &rng);
        /* Room for either way: the direct one packs less. */
        t.shape.winograd = true;
        free(t.packed);
        free(t.scratch);
        t.packed = poisoned_floats(conv_pool_packed(&t.shape));
        t.scratch = poisoned_floats(
            (conv_pool_scratch(&t.shape) + conv_pool_scratch_member(&t.shape)) /
            sizeof(float));
        for (size_t i = 0; i < t.xs; i++)
            t.x[i] = t.x[i] > 0.0f ? t.x[i] : 0.0f;
        float *conv = poisoned_floats(t.cs), *best = poisoned_floats(t.ys);
        uint8_t *argmax = mem_zeroed(t.ys, 1);
        reference_conv_forward(&t.conv, conv, t.x, t.w, t.bias);
        reference_maxpool_forward(&t.pool, best, argmax, conv);
        double direct = forward_error(&t, best, false);
        assert_true(forward_error(&t, best, true) <= 1.1 * direct);
        free(conv);
        free(best);
        free(argmax);
        case_release(&t);
    }
}

/* A NaN in x reaches every output whose patch holds it, as in the layers one by one. */
static void test_nan(void **state)
{
    (void)state;
    EACH_ISA(isa)
    {
        struct rng rng;
        struct block_case t;
        rng_init(&rng, 3, RNG_TEST, 0, 0);
        case_init(&t, chosen[1], &rng);
        t.x[5] = NAN;
        with_team(1, run_all, &t);
        assert_true(isnan(t.y[0]));
        assert_false(isnan(t.y[t.ys - 1]));
        case_release(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),     cmocka_unit_test(test_team_bits),
        cmocka_unit_test(test_portable_bits), cmocka_unit_test(test_accuracy),
        cmocka_unit_test(test_nan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
