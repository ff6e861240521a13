/* Convolutions of some images of a grain at a time give the bits of the whole grain. */
#include "kernel_test.h"

#include "conv_row_test.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
