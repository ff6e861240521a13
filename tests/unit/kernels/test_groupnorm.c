/* Against the reference of batch normalisation: the channels of a group of one sample are
   one channel of a grain whose pixels are theirs. */
#include "kernel_test.h"

#include "kernels/groupnorm.h"
#include "kernels/reference.h"

struct group_case {
    struct groupnorm_shape shape;
    size_t count;
    float *x, *dy, *weight, *bias;
    float *y, *dx, *moments, *dweight, *dbias; /* results */
    void *scratch;
};

static void run_all(const struct team *team, void *context)
{
    struct group_case *t = context;
    const struct groupnorm_gradient gradient = {.dx = t->dx,
                                                .dweight = t->dweight,
                                                .dbias = t->dbias,
                                                .x = t->x,
                                                .dy = t->dy,
                                                .moments = t->moments,
                                                .weight = t->weight};
    const struct groupnorm_values values = {t->y, t->moments, t->x, t->weight, t->bias};
    groupnorm_forward(team, &t->shape, &values, t->scratch);
    groupnorm_backward(team, &t->shape, &gradient, t->scratch);
}

/* Group g of sample i. The weight is put into dy, and the bias and weight onto y, by
 * hand.
 */
static void check_group(const struct group_case *t, int i, int g, double *dweight,
                        double *dbias)
{
    int c = t->shape.c, width = c / t->shape.groups, pixels = t->shape.pixels;
    struct batchnorm_shape one = {1, pixels * width, 1};
    size_t count = (size_t)(pixels * width);
    float *x = mem_aligned(count, sizeof *x), *dy = mem_aligned(count, sizeof *dy);
    float *y = mem_aligned(count, sizeof *y), *dx = mem_aligned(count, sizeof *dx);
    float mean, variance, ignored[2];
    for (size_t j = 0; j < count; j++) {
        int k = g * width + (int)j % width;
        size_t at = ((size_t)i * (size_t)pixels + j / (size_t)width) * (size_t)c;
        x[j] = t->x[at + (size_t)k];
        dy[j] = t->dy[at + (size_t)k] * t->weight[k];
    }
    reference_batchnorm_moments(&one, &mean, &variance, x);
    const struct batchnorm_by by = {
        .mean = &mean, .variance = &variance, .epsilon = t->shape.epsilon};
    const struct batchnorm_gradient gradient = {
        .dx = dx, .dweight = &ignored[0], .dbias = &ignored[1], .x = x, .dy = dy};
    reference_batchnorm_forward(&one, y, x, &by);
    reference_batchnorm_backward(&one, &gradient, &by);
    for (size_t j = 0; j < count; j++) {
        int k = g * width + (int)j % width;
        size_t at =
            ((size_t)i * (size_t)pixels + j / (size_t)width) * (size_t)c + (size_t)k;
        assert_true(fabsf(t->y[at] - (y[j] * t->weight[k] + t->bias[k])) < 2e-4f);
        assert_true(fabsf(t->dx[at] - dx[j]) < 2e-4f);
        dweight[k] += (double)t->dy[at] * (double)y[j];
        dbias[k] += (double)t->dy[at];
    }
    float *all[] = {x, dy, y, dx};
    for (int j = 0; j < 4; j++)
        free(all[j]);
}

static void check_shape(struct groupnorm_shape shape, struct rng *rng)
{
    size_t c = (size_t)shape.c;
    struct group_case t = {.shape = shape, .count = c * (size_t)(shape.n * shape.pixels)};
    t.x = random_floats(rng, t.count);
    t.dy = random_floats(rng, t.count);
    t.weight = random_floats(rng, c);
    t.bias = random_floats(rng, c);
    t.y = poisoned_floats(t.count);
    t.dx = poisoned_floats(t.count);
    t.moments = poisoned_floats(2 * c * (size_t)shape.n);
    t.dweight = poisoned_floats(c);
    t.dbias = poisoned_floats(c);
    t.scratch = mem_aligned(groupnorm_scratch(&shape), 1);
    double *dweight = mem_zeroed(c, sizeof *dweight),
           *dbias = mem_zeroed(c, sizeof *dbias);
    with_team(1, run_all, &t);
    for (int i = 0; i < shape.n; i++)
        for (int g = 0; g < shape.groups; g++)
            check_group(&t, i, g, dweight, dbias);
    for (size_t k = 0; k < c; k++) {
        assert_true(fabs((double)t.dweight[k] - dweight[k]) < 1e-3);
        assert_true(fabs((double)t.dbias[k] - dbias[k]) < 1e-3);
    }
    struct group_case team = t;
    team.y = poisoned_floats(t.count);
    team.dx = poisoned_floats(t.count);
    team.dweight = poisoned_floats(c);
    for (int size = 2; size < 6; size++) {
        with_team(size, run_all, &team);
        assert_memory_equal(t.y, team.y, t.count * sizeof(float));
        assert_memory_equal(t.dx, team.dx, t.count * sizeof(float));
        assert_memory_equal(t.dweight, team.dweight, c * sizeof(float));
    }
    float *all[] = {t.x,       t.dy,      t.weight, t.bias, t.y,     t.dx,
                    t.moments, t.dweight, t.dbias,  team.y, team.dx, team.dweight};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
    free(t.scratch);
    free(dweight);
    free(dbias);
}

static void test_shapes(void **state)
{
    (void)state;
    const struct groupnorm_shape shapes[] = {
        {3, 9, 12, 4, 1e-3f}, {2, 70, 33, 3, 1e-3f}, {1, 4, 16, 16, 1e-2f},
        {5, 1, 20, 2, 1e-3f}, {2, 65, 7, 1, 1e-3f},
    };
    EACH_ISA(isa)
    {
        struct rng rng;
        rng_init(&rng, 1, RNG_TEST, 7, 0);
        for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
            check_shape(shapes[i], &rng);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
