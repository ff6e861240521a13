/* Convolutions of some images of a grain at a time give the bits of the whole grain. */
#include "kernel_test.h"

#include "conv_row_test.h"
#include "kernels/fetch.h"
#include "kernels/reference.h"

/* A pass of the grain, some images at a time, with what was packed for all of them. */
static void case_run_blocks(struct row_case *t, int images)
{
    const struct team alone = {.size = 1};
    const struct conv_algorithm *row = t->row;
    const int n = t->shape.n;
    const size_t x = t->xs / (size_t)n, y = t->ys / (size_t)n;
    const bool data = row->pass == CONV_DATA;
    float *scratch = poisoned_floats(row->scratch(&t->shape, 1) / sizeof(float) + 1);
    float *packed = poisoned_floats(row->packed(&t->shape));
    row->pack(&alone, &t->shape, packed, t->w);
    for (int first = 0; first < n; first += images) {
        struct conv_shape block = t->shape;
        const size_t i = (size_t)first;
        block.n = first + images < n ? images : n - first;
        const struct conv_operands operands = {.out = t->out + i * (data ? x : y),
                                               .in = data ? t->dy + i * y : t->x + i * x,
                                               .packed = packed,
                                               .bias = data ? NULL : t->bias,
                                               .scratch = scratch};
        row->run(&alone, &block, &operands);
    }
    free(scratch);
    free(packed);
}

static void test_blocks(void **state)
{
    (void)state;
    kernels_select(cpu_isa());
    EACH_ROW(row, i)
    {
        struct row_case t;
        if (!row_is_portable(row) || row->pass == CONV_WEIGHT)
            continue;
        struct conv_shape shape = chosen[i];
        shape.n = shape.n < 5 ? 5 : shape.n;
        case_init(&t, row, shape, 8);
        case_run(&t, 1, SPLIT_AUTO);
        float *whole = t.out;
        for (int images = 1; images <= 3; images++) {
            t.out = poisoned_floats(t.outs);
            case_run_blocks(&t, images);
            assert_memory_equal(t.out, whole, t.outs * sizeof *whole);
            free(t.out);
        }
        t.out = whole;
        case_release(&t);
    }
}

/* More than a second-level cache holds: memory is read ahead, and its bits stay. */
static void test_fetched(void **state)
{
    (void)state;
    const struct conv_shape shape = {
        .n = 2, .h = 45, .w = 47, .c = 75, .k = 70, WINDOW_SQUARE(1, 1, 0)};
    const enum split splits[] = {SPLIT_AUTO, SPLIT_CHANNEL};
    assert_true(fetch_pays((size_t)(shape.n * shape.h * shape.w * shape.k)));
    assert_false(fetch_pays((size_t)(shape.h * shape.w * shape.c)));
    kernels_select(cpu_isa());
    for (enum conv_pass pass = CONV_FORWARD; pass < CONV_PASSES; pass++)
        for (int s = 0; s < 2; s++) {
            struct row_case t;
            case_init(&t, conv_algorithm_named(pass, "direct", &shape), shape, 10);
            case_run(&t, 2, splits[s]);
            float *whole = t.out;
            t.out = poisoned_floats(t.outs);
            if (pass == CONV_WEIGHT) {
                float *dbias = poisoned_floats((size_t)shape.k);
                reference_conv_backward_weight(&t.shape, t.out, dbias, t.x, t.dy);
                assert_near(whole, t.out, t.outs, sum_limit(t.ys / (size_t)shape.k));
                free(dbias);
            } else {
                case_run_blocks(&t, 1);
                assert_memory_equal(t.out, whole, t.outs * sizeof *whole);
            }
            free(whole);
            case_release(&t);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
        cmocka_unit_test(test_fetched),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
