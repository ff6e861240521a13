#include "kernel_test.h"

#include "kernels/combine.h"

struct combine_case {
    struct scale_shape shape;
    size_t count;
    float *a, *b, *scale, *dy;
    float *sum, *product, *scaled, *dscale; /* results */
};

static void run_all(const struct team *team, void *context)
{
    struct combine_case *t = context;
    combine_add(team, t->sum, t->a, t->b, t->count);
    combine_multiply(team, t->product, t->a, t->b, t->count);
    scale_forward(team, &t->shape, t->scaled, t->a, t->scale);
    scale_backward(team, &t->shape, t->dscale, t->dy, t->a);
}

static void check(const struct combine_case *t)
{
    size_t c = (size_t)t->shape.channels, pixels = (size_t)t->shape.pixels;
    double *want = mem_zeroed((size_t)t->shape.n * c, sizeof *want);
    for (size_t i = 0; i < t->count; i++) {
        size_t at = i / (pixels * c) * c + i % c;
        assert_true(t->sum[i] == t->a[i] + t->b[i]);
        assert_true(t->product[i] == t->a[i] * t->b[i]);
        assert_true(t->scaled[i] == t->a[i] * t->scale[at]);
        want[at] += (double)t->dy[i] * (double)t->a[i];
    }
    for (size_t i = 0; i < (size_t)t->shape.n * c; i++)
        assert_true(fabs((double)t->dscale[i] - want[i]) < sum_limit(pixels));
    free(want);
}

static void check_shape(struct scale_shape shape, struct rng *rng)
{
    struct combine_case t = {.shape = shape};
    size_t scales = (size_t)(shape.n * shape.channels);
    t.count = scales * (size_t)shape.pixels;
    t.a = random_floats(rng, t.count);
    t.b = random_floats(rng, t.count);
    t.dy = random_floats(rng, t.count);
    t.scale = random_floats(rng, scales);
    t.sum = mem_aligned(t.count, sizeof(float));
    t.product = mem_aligned(t.count, sizeof(float));
    t.scaled = mem_aligned(t.count, sizeof(float));
    t.dscale = mem_aligned(scales, sizeof(float));
    float *first = mem_aligned(scales, sizeof *first);
    for (int size = 1; size <= 4; size++)
        for (int split = 0; split < SPLITS; split++) {
            if (split == SPLIT_SEQUENTIAL)
                continue;
            memset(t.sum, 0xff, t.count * sizeof(float));
            memset(t.product, 0xff, t.count * sizeof(float));
            memset(t.scaled, 0xff, t.count * sizeof(float));
            memset(t.dscale, 0xff, scales * sizeof(float));
            with_split((enum split)split, size, run_all, &t);
            check(&t);
            if (size == 1 && split == 0)
                memcpy(first, t.dscale, scales * sizeof(float));
            assert_memory_equal(first, t.dscale, scales * sizeof(float));
        }
    float *all[] = {t.a, t.b, t.dy, t.scale, t.sum, t.product, t.scaled, t.dscale, first};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void test_shapes(void **state)
{
    (void)state;
    const struct scale_shape shapes[] = {{1, 1, 1},  {2, 9, 5},    {3, 65, 17},
                                         {5, 4, 64}, {1, 200, 33}, {7, 1, 3}};
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 1, RNG_TEST, 8, 0);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            check_shape(shapes[i], &rng);
    }
}

/* y may be one of the operands: sums of gradients are made in place. */
static void test_in_place(void **state)
{
    (void)state;
    struct rng rng;
    struct team alone = {.size = 1};
    rng_init(&rng, 2, RNG_TEST, 8, 0);
    float *a = random_floats(&rng, 101), *b = random_floats(&rng, 101);
    float *want = mem_aligned(101, sizeof *want);
    combine_add(&alone, want, a, b, 101);
    combine_add(&alone, a, a, b, 101);
    assert_memory_equal(a, want, 101 * sizeof *want);
    combine_add(&alone, want, a, b, 101);
    combine_add(&alone, b, a, b, 101);
    assert_memory_equal(b, want, 101 * sizeof *want);
    free(a);
    free(b);
    free(want);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_in_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
