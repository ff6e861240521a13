#include "kernel_test.h"

#include "batchnorm_test.h"
#include "kernels/reference.h"

static void run_all(const struct team *team, void *context)
{
    struct norm_case *t = context;
    struct batchnorm_by by = case_by(t);
    const struct batchnorm_gradient gradient = {
        .dx = t->dx,
        .dweight = t->affine ? t->dweight : NULL,
        .dbias = t->affine ? t->dbias : NULL,
        .x = t->x,
        .dy = t->dy,
        .given = t->given,
    };
    run_moments(team, t);
    run_forward(team, t, t->y, NULL, &by);
    run_backward(team, t, &gradient, &by);
}

/* The formulas of batchnorm.h, one channel after the other, in double. */
static void check_reference(const struct norm_case *t)
{
    struct norm_case want = *t;
    size_t c = (size_t)t->shape.c;
    want.y = poisoned_floats(t->count);
    want.dx = poisoned_floats(t->count);
    want.mean = poisoned_floats(c);
    want.variance = poisoned_floats(c);
    want.dweight = poisoned_floats(c);
    want.dbias = poisoned_floats(c);
    reference_batchnorm_moments(&t->shape, want.mean, want.variance, t->x);
    struct batchnorm_by by = case_by(&want);
    const struct batchnorm_gradient gradient = {.dx = want.dx,
                                                .dweight = want.dweight,
                                                .dbias = want.dbias,
                                                .x = t->x,
                                                .dy = t->dy,
                                                .given = t->given};
    reference_batchnorm_forward(&t->shape, want.y, t->x, &by);
    reference_batchnorm_backward(&t->shape, &gradient, &by);
    double many = (double)(t->shape.n * t->shape.pixels);
    assert_near(t->mean, want.mean, c, 1e-5 + 1e-7 * fabs((double)want.mean[0]));
    assert_near(t->variance, want.variance, c, 1e-4);
    assert_near(t->y, want.y, t->count, 1e-3);
    assert_near(t->dx, want.dx, t->count, 1e-3);
    if (t->affine) {
        assert_near(t->dweight, want.dweight, c, 1e-4 * many + 1e-3);
        assert_near(t->dbias, want.dbias, c, 1e-5 * many + 1e-5);
    }
    float *all[] = {want.y, want.dx, want.mean, want.variance, want.dweight, want.dbias};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* The same bits for blocks of images, and with dx written over dy. */
static void check_blocks(struct norm_case *t)
{
    size_t bytes = t->count * sizeof(float), c = (size_t)t->shape.c * sizeof(float);
    struct norm_case block = *t;
    block.y = poisoned_floats(t->count);
    block.dweight = poisoned_floats((size_t)t->shape.c);
    for (block.images = 1; block.images <= 3; block.images++) {
        block.dx = block.dy = mem_aligned(bytes, 1);
        memcpy(block.dy, t->dy, bytes);
        with_team(1, run_all, &block);
        assert_memory_equal(block.y, t->y, bytes);
        assert_memory_equal(block.dx, t->dx, bytes);
        if (t->affine)
            assert_memory_equal(block.dweight, t->dweight, c);
        free(block.dy);
    }
    free(block.y);
    free(block.dweight);
}

/* The same bits for any team and split. */
static void check_teams(struct norm_case *t)
{
    size_t bytes = t->count * sizeof(float), c = (size_t)t->shape.c * sizeof(float);
    struct norm_case alone = *t;
    alone.y = mem_aligned(bytes, 1);
    alone.dx = mem_aligned(bytes, 1);
    alone.dweight = mem_aligned(c, 1);
    memcpy(alone.y, t->y, bytes);
    memcpy(alone.dx, t->dx, bytes);
    memcpy(alone.dweight, t->dweight, c);
    for (int size = 2; size <= 5; size++)
        for (int split = 0; split < SPLITS; split++) {
            if (split == SPLIT_SEQUENTIAL)
                continue;
            memset(t->y, 0xff, bytes);
            memset(t->dx, 0xff, bytes);
            with_split((enum split)split, size, run_all, t);
            assert_memory_equal(t->y, alone.y, bytes);
            assert_memory_equal(t->dx, alone.dx, bytes);
            assert_memory_equal(t->dweight, alone.dweight, c);
        }
    free(alone.y);
    free(alone.dx);
    free(alone.dweight);
}

static void test_shapes(void **state)
{
    (void)state;
    const struct batchnorm_shape shapes[] = {{1, 2, 1},   {2, 1, 17},  {3, 7, 5},
                                             {1, 130, 3}, {5, 65, 33}, {4, 64, 16},
                                             {29, 9, 40}, {2, 1, 64},  {6, 1, 1}};
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 1, RNG_TEST, 3, 0);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            for (int kind = 0; kind < 4; kind++) {
                struct norm_case t = {.given = kind & 1, .affine = kind & 2};
                case_init(&t, shapes[i], &rng);
                with_team(1, run_all, &t);
                check_reference(&t);
                check_teams(&t);
                check_blocks(&t);
                case_release(&t);
            }
    }
}

/* Against differences of the forward pass: the inner product of dy with the change of y
   is that of dx with the change of x. */
static void test_adjoint(void **state)
{
    (void)state;
    struct rng rng;
    rng_init(&rng, 2, RNG_TEST, 3, 0);
    for (int given = 0; given < 2; given++) {
        struct norm_case t = {.given = given, .affine = true};
        case_init(&t, (struct batchnorm_shape){4, 9, 19}, &rng);
        with_team(1, run_all, &t);
        float *along = random_floats(&rng, t.count), *keep = t.x;
        float *moved = mem_aligned(t.count, sizeof *moved);
        float *y[2] = {poisoned_floats(t.count), poisoned_floats(t.count)};
        double left = 0, right = 0, size = 0, step = 1e-2;
        for (int side = 0; side < 2; side++) {
            for (size_t i = 0; i < t.count; i++)
                moved[i] = keep[i] + (float)(side ? step : -step) * along[i];
            struct norm_case at = t;
            at.mean = poisoned_floats((size_t)t.shape.c);
            at.variance = poisoned_floats((size_t)t.shape.c);
            reference_batchnorm_moments(&t.shape, at.mean, at.variance, moved);
            struct batchnorm_by by = case_by(&at);
            reference_batchnorm_forward(&t.shape, y[side], moved, &by);
            free(at.mean);
            free(at.variance);
        }
        for (size_t i = 0; i < t.count; i++) {
            left += (double)t.dy[i] * ((double)y[1][i] - (double)y[0][i]) / (2 * step);
            right += (double)t.dx[i] * (double)along[i];
            size += fabs((double)t.dx[i]);
        }
        assert_true(fabs(left - right) < 2e-3 * size);
        assert_true(size > 1);
        free(along);
        free(moved);
        free(y[0]);
        free(y[1]);
        case_release(&t);
    }
}

/* --- with an activation, and a value that is added --- */

struct fused_case {
    struct norm_case *t;
    enum activation activation;
    bool output;        /* backward goes by y */
    const float *z;     /* NULL: none */
    float *y, *dx, *dz; /* results; dz NULL: not wanted */
};

static void run_fused(const struct team *team, void *context)
{
    struct fused_case *f = context;
    struct norm_case *t = f->t;
    struct batchnorm_by by = case_by(t);
    by.activation = f->activation;
    const struct batchnorm_gradient gradient = {.dx = f->dx,
                                                .dz = f->dz,
                                                .dweight = t->dweight,
                                                .dbias = t->dbias,
                                                .x = t->x,
                                                .dy = t->dy,
                                                .y = f->output ? f->y : NULL};
    run_forward(team, t, f->y, f->z, &by);
    run_backward(team, t, &gradient, &by);
}

/* The same by kernels of their own. */
static void run_apart(const struct fused_case *f, float *y, float *dx, float *dz)
{
    const struct team alone = {.size = 1};
    struct norm_case *t = f->t;
    struct batchnorm_by by = case_by(t);
    float *slope = mem_aligned(t->count, sizeof *slope), *before = t->y;
    bool slopes = f->activation == ACTIVATION_GELU || f->activation == ACTIVATION_SILU ||
                  f->activation == ACTIVATION_HARDSWISH;
    const struct batchnorm_gradient gradient = {
        .dx = dx, .dweight = t->dweight, .dbias = t->dbias, .x = t->x, .dy = dz};
    run_moments(&alone, t);
    run_forward(&alone, t, before, NULL, &by);
    for (size_t i = 0; f->z && i < t->count; i++)
        before[i] += f->z[i];
    activation_forward(&alone, f->activation, y, slope, before, t->count);
    activation_backward(&alone, f->activation, dz, t->dy, slopes ? slope : y, t->count);
    run_backward(&alone, t, &gradient, &by);
    free(slope);
}

static void check_fused(struct norm_case *t, enum activation activation, const float *z,
                        bool wants_dz)
{
    size_t bytes = t->count * sizeof(float), c = (size_t)t->shape.c * sizeof(float);
    float *y = poisoned_floats(t->count), *dx = poisoned_floats(t->count);
    float *dz = poisoned_floats(t->count), *sums = mem_aligned(2 * c, 1);
    struct fused_case f = {t,
                           activation,
                           z != NULL,
                           z,
                           poisoned_floats(t->count),
                           poisoned_floats(t->count),
                           wants_dz ? poisoned_floats(t->count) : NULL};
    run_apart(&f, y, dx, dz);
    memcpy(sums, t->dweight, c);
    memcpy((char *)sums + c, t->dbias, c);
    for (int size = 1; size < 4; size++) {
        memset(f.dx, 0xff, bytes);
        with_team(size, run_fused, &f);
        assert_memory_equal(f.y, y, bytes);
        assert_memory_equal(f.dx, dx, bytes);
        assert_memory_equal(t->dweight, sums, c);
        assert_memory_equal(t->dbias, (char *)sums + c, c);
        if (wants_dz)
            assert_memory_equal(f.dz, dz, bytes);
    }
    float *all[] = {y, dx, dz, sums, f.y, f.dx, f.dz};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

/* One pass gives the bits of several. */
static void test_fused(void **state)
{
    (void)state;
    const struct batchnorm_shape shapes[] = {{2, 1, 17}, {3, 70, 5},  {2, 130, 24},
                                             {3, 9, 16}, {1, 65, 53}, {2, 10, 96}};
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 4, RNG_TEST, 3, 0);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            struct norm_case t = {.affine = true};
            case_init(&t, shapes[i], &rng);
            float *z = random_floats(&rng, t.count);
            for (int a = 0; a < ACTIVATIONS; a++)
                check_fused(&t, (enum activation)a, NULL, i % 2);
            const enum activation added[] = {ACTIVATION_NONE, ACTIVATION_RELU,
                                             ACTIVATION_RELU6};
            for (int a = 0; a < 6; a++)
                check_fused(&t, added[a / 2], z, a % 2);
            free(z);
            case_release(&t);
        }
    }
}

/* --- given statistics --- */

struct given_case {
    struct norm_case *t;
    struct batchnorm_by by;
    struct batchnorm_gradient gradient;
    bool in_place; /* dx over dy */
};

static void run_given(const struct team *team, void *context)
{
    struct given_case *g = context;
    run_backward_given(team, g->t, &g->gradient, &g->by);
}

/* -0 and 0 are the same. */
static void assert_equal_floats(const float *a, const float *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        assert_true(a[i] == b[i]);
}

static void check_given(struct norm_case *t, enum activation activation, const float *y,
                        bool wants_dz)
{
    const struct team alone = {.size = 1};
    size_t bytes = t->count * sizeof(float), c = (size_t)t->shape.c * sizeof(float);
    float *dx = poisoned_floats(t->count), *dz = poisoned_floats(t->count);
    float *own = poisoned_floats(t->count), *sums = mem_aligned(2 * c, 1);
    struct given_case g = {.t = t, .by = case_by(t)};
    g.by.activation = activation;
    g.gradient = (struct batchnorm_gradient){.dx = dx,
                                             .dz = dz,
                                             .dweight = t->dweight,
                                             .dbias = t->dbias,
                                             .x = t->x,
                                             .dy = t->dy,
                                             .y = y,
                                             .given = true};
    run_backward(&alone, t, &g.gradient, &g.by);
    memcpy(sums, t->dweight, c);
    memcpy((char *)sums + c, t->dbias, c);
    g.gradient.dx = t->dx;
    g.gradient.dz = wants_dz ? own : NULL;
    for (int size = 1; size < 4; size++) {
        memset(t->dx, 0xff, bytes);
        with_team(size, run_given, &g);
        assert_equal_floats(t->dx, dx, t->count);
        assert_memory_equal(t->dweight, sums, c);
        assert_memory_equal(t->dbias, (char *)sums + c, c);
        if (wants_dz)
            assert_memory_equal(own, dz, bytes);
    }
    memcpy(t->dx, t->dy, bytes); /* over dy */
    g.gradient.dy = t->dx;
    run_given(&alone, &g);
    assert_equal_floats(t->dx, dx, t->count);
    g.gradient.dy = t->dy;
    g.gradient.dx = NULL; /* the sums alone */
    run_given(&alone, &g);
    assert_memory_equal(t->dweight, sums, c);
    free(dx);
    free(dz);
    free(own);
    free(sums);
}

/* Of statistics that are constants, one pass gives what two give. */
static void test_given(void **state)
{
    (void)state;
    const struct batchnorm_shape shapes[] = {{2, 1, 17}, {3, 70, 5},  {2, 130, 24},
                                             {5, 9, 16}, {1, 65, 53}, {2, 10, 300}};
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 5, RNG_TEST, 3, 0);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
            struct norm_case t = {.given = true, .affine = i % 3 != 2};
            case_init(&t, shapes[i], &rng);
            t.images = 1 + (int)i % 2;
            float *y = random_floats(&rng, t.count);
            for (int a = 0; a < ACTIVATIONS; a++)
                check_given(&t, (enum activation)a, NULL, i % 2);
            check_given(&t, ACTIVATION_RELU, y, true);
            check_given(&t, ACTIVATION_RELU6, y, false);
            free(y);
            case_release(&t);
        }
    }
}

/* However large the mean, the variance is exact to a few float roundings of the
   deviations: chunks lie about their own means. In a channel of one value alone it
   is 0. */
static void test_large_mean(void **state)
{
    (void)state;
    const float mean[] = {0, -3, 1000, 3e5f};
    EACH_ISA(isa)
    {
        struct rng rng;
        struct norm_case t = {0};
        rng_init(&rng, 3, RNG_TEST, 3, 0);
        case_init(&t, (struct batchnorm_shape){8, 500, 5}, &rng);
        float want_mean[5], want[5];
        for (size_t i = 0; i < t.count; i++)
            t.x[i] = i % 5 < 4 ? mean[i % 5] + (float)rng_normal(&rng) : 0.1f;
        with_team(1, run_all, &t);
        reference_batchnorm_moments(&t.shape, want_mean, want, t.x);
        for (int c = 0; c < 4; c++) {
            double d = (double)t.mean[c] - (double)want_mean[c];
            assert_true(fabs(d) <= 2e-7 * (1 + fabs((double)want_mean[c])));
            assert_true(fabs((double)t.variance[c] / (double)want[c] - 1.0) < 1e-6);
        }
        assert_true(t.mean[4] == 0.1f && (double)fabsf(t.variance[4]) < 1e-14);
        case_release(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),     cmocka_unit_test(test_adjoint),
        cmocka_unit_test(test_fused),      cmocka_unit_test(test_given),
        cmocka_unit_test(test_large_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
