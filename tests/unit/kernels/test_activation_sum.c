/* A gradient times the slopes of an activation, and its sums over channels. */
#include "kernel_test.h"

#include "kernels/activation.h"

static const struct team alone = {.size = 1};

/* Tails of vectors and of chunks of pixels, one channel, more than a panel of channels.
 */
static const struct activation_shape shapes[] = {{1, 1, 1},    {3, 7, 5},   {2, 256, 16},
                                                 {2, 300, 33}, {1, 517, 8}, {2, 9, 1100}};
static const enum activation kinds[] = {ACTIVATION_NONE, ACTIVATION_RELU,
                                        ACTIVATION_RELU6};
#define SHAPES (sizeof shapes / sizeof *shapes)
#define KINDS  (sizeof kinds / sizeof *kinds)

struct sum_case {
    struct activation_shape shape;
    enum activation kind;
    size_t image, count;
    float *dy, *y, *sum; /* dy is changed, sum grows */
};

static void sum_init(struct sum_case *t, struct activation_shape shape,
                     enum activation kind)
{
    struct rng rng;
    rng_init(&rng, 12, RNG_TEST, 0, 0);
    t->shape = shape;
    t->kind = kind;
    t->image = (size_t)(shape.pixels * shape.channels);
    t->count = (size_t)shape.images * t->image;
    t->dy = random_floats(&rng, t->count);
    t->y = random_floats(&rng, t->count);
    t->sum = random_floats(&rng, (size_t)shape.channels);
    for (size_t i = 0; i < t->count; i++)
        t->y[i] *= 6;
    activation_forward(&alone, kind, t->y, NULL, t->y, t->count);
}

static void sum_release(struct sum_case *t)
{
    free(t->dy);
    free(t->y);
    free(t->sum);
}

static void sum_run(const struct team *team, void *context)
{
    const struct sum_case *t = context;
    activation_backward_sum(team, t->kind, &t->shape, t->dy,
                            t->kind == ACTIVATION_NONE ? NULL : t->y, t->sum);
}

static void check_reference(struct activation_shape shape, enum activation kind)
{
    struct sum_case t, before;
    sum_init(&t, shape, kind);
    sum_init(&before, shape, kind);
    sum_run(&alone, &t);
    activation_backward(&alone, kind, before.dy, before.dy, before.y, t.count);
    assert_memory_equal(t.dy, before.dy, t.count * sizeof(float));
    for (int k = 0; k < shape.channels; k++) {
        double sum = (double)before.sum[k], size = fabs(sum);
        for (size_t i = (size_t)k; i < t.count; i += (size_t)shape.channels) {
            sum += (double)before.dy[i];
            size += fabs((double)before.dy[i]);
        }
        assert_true(fabs((double)t.sum[k] - sum) <= 2e-6 * size);
    }
    sum_release(&t);
    sum_release(&before);
}

static void test_reference(void **state)
{
    (void)state;
    EACH_ISA(isa)
    {
        for (size_t s = 0; s < SHAPES; s++)
            for (size_t k = 0; k < KINDS; k++)
                check_reference(shapes[s], kinds[k]);
    }
}

static void assert_same(const struct sum_case *a, const struct sum_case *b)
{
    assert_memory_equal(a->dy, b->dy, a->count * sizeof(float));
    assert_memory_equal(a->sum, b->sum, (size_t)a->shape.channels * sizeof(float));
}

/* Any instruction set, any team, and each image in a call of its own. */
static void check_bits(struct activation_shape shape, enum activation kind)
{
    struct sum_case plain, other;
    kernels_select(CPU_PLAIN);
    sum_init(&plain, shape, kind);
    sum_run(&alone, &plain);
    EACH_ISA(isa)
    {
        EACH_TEAM(size, split)
        {
            sum_init(&other, shape, kind);
            with_split(split, size, sum_run, &other);
            assert_same(&other, &plain);
            sum_release(&other);
        }
    }
    sum_init(&other, shape, kind);
    struct sum_case one = other;
    for (one.shape.images = 1; one.dy < other.dy + other.count;
         one.dy += one.image, one.y += one.image)
        sum_run(&alone, &one);
    assert_same(&other, &plain);
    sum_release(&other);
    sum_release(&plain);
}

static void test_bits(void **state)
{
    (void)state;
    for (size_t s = 0; s < SHAPES; s++)
        for (size_t k = 0; k < KINDS; k++)
            check_bits(shapes[s], kinds[k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
