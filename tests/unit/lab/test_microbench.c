/* The code that is timed computes what it should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "kernels/kernels.h"
#include "kernels/lab.h"
#include "kernels/reference.h"
#include "lab/microbench.h"

#define GROUP KERNELS_GROUP

static float *random_floats(size_t count, uint64_t key)
{
    float *x = mem_aligned(count, sizeof *x);
    struct rng rng;
    rng_init(&rng, 4, RNG_TEST, 0, key);
    for (size_t i = 0; i < count; i++)
        x[i] = rng_range(&rng, -1.0f, 1.0f);
    return x;
}

/* Where element (a, b, c, d) of (., B, C, D) is, with D in groups before B. */
static size_t grouped(const int *size, int a, int b, int c, int d, int group)
{
    size_t groups = (size_t)(size[3] / group);
    size_t plane = (size_t)size[1] * (size_t)size[2];
    size_t pixel = (size_t)b * (size_t)size[2] + (size_t)c;
    return (((size_t)a * groups + (size_t)(d / group)) * plane + pixel) * (size_t)group +
           (size_t)(d % group);
}

/* A tensor (A, B, C, D) with its channels D in groups. */
static void regroup(float *to, const float *from, const int *size, int group, bool back)
{
    size_t i = 0;
    for (int a = 0; a < size[0]; a++)
        for (int b = 0; b < size[1]; b++)
            for (int c = 0; c < size[2]; c++)
                for (int d = 0; d < size[3]; d++, i++)
                    if (back)
                        to[i] = from[grouped(size, a, b, c, d, group)];
                    else
                        to[grouped(size, a, b, c, d, group)] = from[i];
}

/* Weights (K, R, S, C) as a layout has them. */
static void place_weights(float *to, const float *from, const struct conv_shape *s,
                          enum microbench_layout layout)
{
    int window = s->r.size * s->s.size;
    for (int k = 0; k < s->k; k++)
        for (int t = 0; t < window; t++)
            for (int c = 0; c < s->c; c++) {
                float w = from[(k * window + t) * s->c + c];
                if (layout == LAYOUT_NCHW)
                    to[(k * s->c + c) * window + t] = w;
                else if (layout == LAYOUT_NHWC)
                    to[(t * s->c + c) * s->k + k] = w;
                else
                    to[(((k / GROUP * (s->c / GROUP) + c / GROUP) * window + t) * GROUP +
                        c % GROUP) *
                           GROUP +
                       k % GROUP] = w;
            }
}

static void check_layout(const struct conv_shape *s, enum microbench_layout layout)
{
    const int in[] = {s->n, s->h, s->w, s->c}, out[] = {s->n, s->p, s->q, s->k};
    size_t xs = (size_t)(s->n * s->h * s->w * s->c);
    size_t ys = (size_t)(s->n * s->p * s->q * s->k), ws = (size_t)s->k * conv_taps(s);
    float *x = random_floats(xs, 1), *w = random_floats(ws, 2);
    float *bias = mem_aligned((size_t)s->k, sizeof *bias);
    float *want = mem_aligned(ys, sizeof *want), *y = mem_aligned(ys, sizeof *y);
    float *there = mem_aligned(xs, sizeof *x), *weight = mem_aligned(ws, sizeof *w);
    float *found = mem_aligned(ys, sizeof *found);
    int group = layout == LAYOUT_NCHW ? 1 : layout == LAYOUT_BLOCKED ? GROUP : 0;
    reference_conv_forward(s, want, x, w, bias);
    regroup(there, x, in, group ? group : s->c, false);
    place_weights(weight, w, s, layout);
    if (layout == LAYOUT_NCHW)
        lab_kernels()->layout_nchw(s, y, there, weight);
    else if (layout == LAYOUT_NHWC)
        lab_kernels()->layout_nhwc(s, y, there, weight);
    else
        lab_kernels()->layout_blocked(s, y, there, weight);
    regroup(found, y, out, group ? group : s->k, true);
    for (size_t i = 0; i < ys; i++)
        if (!(fabsf(found[i] - want[i]) <= 1e-4f))
            fail_msg("%s: y[%zu] is %g, not %g", microbench_layout_name(layout), i,
                     (double)found[i], (double)want[i]);
    float *all[] = {x, w, bias, want, y, there, weight, found};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        free(all[i]);
}

static void test_layouts(void **state)
{
    (void)state;
    struct conv_shape shapes[] = {
        {.n = 2, .h = 13, .w = 13, .c = 32, .k = 64, WINDOW_SQUARE(3, 1, 0)},
        {.n = 3,
         .h = 5,
         .w = 24,
         .c = 16,
         .k = 48,
         .r = WINDOW(2, 1, 0),
         .s = WINDOW(3, 1, 0)},
        {.n = 1, .h = 4, .w = 3, .c = 48, .k = 16, WINDOW_SQUARE(1, 1, 0)},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        conv_shape_complete(&shapes[i]);
        for (enum cpu_isa isa = CPU_PLAIN; isa <= cpu_isa(); isa++)
            for (int layout = 0; kernels_select(isa) && layout < LAYOUTS; layout++)
                check_layout(&shapes[i], layout);
    }
    kernels_select(cpu_isa());
}

/* --- operations --- */

enum { CLASSES = 26, THREADS = 3 };

/* Inputs of an operation in random order; y, z and bytes hold what forward would give. */
static void fill_inputs(struct microbench_buffers *b)
{
    struct rng rng;
    rng_init(&rng, 4, RNG_TEST, 0, 9);
    for (size_t i = 0; i < b->room; i++) {
        b->x[i] = rng_range(&rng, -3.0f, 3.0f);
        b->y[i] = rng_range(&rng, -1.0f, 1.0f);
        b->z[i] = rng_range(&rng, -1.0f, 1.0f);
        b->bytes[i] = (uint8_t)(i % 3 == 0);
    }
}

/* The result that element i should have; y, z, bytes: those before. */
static double op_expected(enum microbench_op op, const struct microbench_buffers *b,
                          size_t i)
{
    double x = (double)b->x[i];
    switch (op) {
    case OP_RELU:
        return x > 0 ? x : 0;
    case OP_RELU_BACK:
        return b->y[i] > 0.0f ? x : 0;
    case OP_GELU:
        return reference_gelu(x);
    case OP_GELU_BACK:
        return x * (double)b->z[i];
    case OP_DROPOUT:
        return b->bytes[i] ? 2 * x : 0;
    case OP_MAXPOOL: { /* images of 2 x 2 x KERNELS_GROUP */
        const float *image = b->x + i / GROUP * 4 * GROUP + i % GROUP;
        return (double)fmaxf(fmaxf(image[0], image[GROUP]),
                             fmaxf(image[2 * GROUP], image[3 * GROUP]));
    }
    default: {
        const float *row = b->x + i / CLASSES * CLASSES;
        double sum = 0;
        for (int c = 0; c < CLASSES; c++)
            sum += exp((double)row[c]);
        return x - log(sum);
    }
    }
}

struct op_race {
    enum microbench_op op;
    const struct microbench_buffers *buffers;
    struct team_shared shared;
};

static void op_member(void *context, int thread)
{
    struct op_race *race = context;
    struct team team = {.size = THREADS, .index = thread, .shared = &race->shared};
    microbench_op_run(race->op, race->buffers, &team);
}

static void check_op(enum microbench_op op, size_t n)
{
    struct microbench_buffers b;
    microbench_buffers_init(&b, n);
    fill_inputs(&b);
    double *want = mem_zeroed(n, sizeof *want);
    for (size_t i = 0; i < n; i++)
        want[i] = op_expected(op, &b, i);
    struct op_race *race = mem_aligned(1, sizeof *race);
    race->op = op;
    race->buffers = &b;
    team_run(THREADS, op_member, race);
    const float *found = op == OP_RELU_BACK ? b.z : b.y;
    for (size_t i = 0; i < n; i++)
        if (!(fabs((double)found[i] - want[i]) <= 1e-5))
            fail_msg("%s, %zu elements: [%zu] is %g, not %g", microbench_op_name(op), n,
                     i, (double)found[i], want[i]);
    free(race);
    free(want);
    microbench_buffers_release(&b);
}

/* What is timed is the operation, on any size and number of threads. */
static void test_ops(void **state)
{
    (void)state;
    for (int op = 0; op < OPS; op++)
        for (size_t n = 1; n < 1000; n = 3 * n + 7)
            check_op(op, n);
}

/* The scalar and the vector loop compute the same. */
static void test_vectors(void **state)
{
    (void)state;
    enum { COUNT = 1000 };
    float *x = random_floats(COUNT, 1), *scalar = mem_aligned(COUNT, 4),
          *vector = mem_aligned(COUNT, 4);
    for (int op = OP_RELU; op <= OP_GELU; op += OP_GELU - OP_RELU) {
        microbench_scalar(op, scalar, x, COUNT);
        microbench_vector(op, vector, x, COUNT);
        for (int i = 0; i < COUNT; i++) {
            double want =
                op == OP_RELU ? fmax((double)x[i], 0) : reference_gelu((double)x[i]);
            assert_true(fabs((double)scalar[i] - want) <= 1e-5);
            assert_true(fabs((double)vector[i] - want) <= 1e-5);
        }
    }
    free(x);
    free(scalar);
    free(vector);
}

/* Every variant is timed, and the search for the size from which threads are faster ends
   within its limits. How long anything takes depends on what else the machine does. */
static void test_times(void **state)
{
    (void)state;
    struct microbench_times few = microbench_op(OP_GELU, 77, THREADS);
    assert_true(few.alone.median > 0 && few.inside.median > 0);
    assert_true(few.region.median > 0);
    struct microbench_breakeven found = microbench_breakeven(OP_RELU, 2);
    assert_true(found.inside <= MICROBENCH_MOST && found.region <= MICROBENCH_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_ops),
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
