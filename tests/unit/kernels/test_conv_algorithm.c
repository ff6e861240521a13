#include "kernel_test.h"

#include "../golden.h"
#include "conv_row_test.h"
#include "kernels/reference.h"

static size_t case_terms(const struct row_case *t)
{
    const struct conv_shape *s = &t->shape;
    const size_t terms[] = {conv_taps(s), (size_t)(s->r.size * s->s.size * s->k),
                            (size_t)(s->n * s->p * s->q)};
    return terms[t->row->pass];
}

/* Winograd's transforms add roundings of values larger than the result's terms. */
static double case_limit(const struct row_case *t)
{
    const double factor[] = {['d'] = 1, ['2'] = 4, ['4'] = 40};
    char last = t->row->name[strlen(t->row->name) - 1];
    return sum_limit(case_terms(t)) *
           (last == '2' || last == '4' ? factor[(int)last] : 1);
}

static float *case_reference(const struct row_case *t)
{
    float *out = poisoned_floats(t->outs);
    float *dbias = poisoned_floats((size_t)t->shape.k);
    if (t->row->pass == CONV_FORWARD)
        reference_conv_forward(&t->shape, out, t->x, t->w, t->bias);
    else if (t->row->pass == CONV_DATA)
        reference_conv_backward_data(&t->shape, out, t->dy, t->w);
    else
        reference_conv_backward_weight(&t->shape, out, dbias, t->x, t->dy);
    free(dbias);
    return out;
}

static void test_reference(void **state)
{
    (void)state;
    EACH_ISA(isa)
    {
        EACH_ROW(row, i)
        {
            struct row_case t;
            case_init(&t, row, chosen[i], 1);
            case_run(&t, 1, SPLIT_AUTO);
            float *expected = case_reference(&t);
            assert_near(t.out, expected, t.outs, case_limit(&t));
            free(expected);
            case_release(&t);
        }
    }
}

/* Plain C is the definition; v2 has no fused multiply-add, and bits of its own. */
static void test_same_bits(void **state)
{
    (void)state;
    EACH_ROW(row, i)
    {
        struct row_case t;
        if (!row_is_portable(row))
            continue;
        kernels_select(CPU_PLAIN);
        case_init(&t, row, chosen[i], 2);
        case_run(&t, 1, SPLIT_AUTO);
        float *plain = t.out;
        for (enum cpu_isa isa = CPU_V3; isa <= cpu_isa(); isa++) {
            t.out = poisoned_floats(t.outs);
            kernels_select(isa);
            case_run(&t, 1, SPLIT_AUTO);
            assert_memory_equal(t.out, plain, t.outs * sizeof *plain);
            free(t.out);
        }
        t.out = plain;
        case_release(&t);
    }
}

/* All rows on all shapes, on every processor. */
static void test_golden_bits(void **state)
{
    (void)state;
    uint64_t hash = GOLDEN_START;
    kernels_select(CPU_PLAIN);
    EACH_ROW(row, i)
    {
        struct row_case t;
        if (!row_is_portable(row))
            continue;
        case_init(&t, row, chosen[i], 6);
        case_run(&t, 1, SPLIT_AUTO);
        hash = golden_hash(hash, t.out, t.outs * sizeof *t.out);
        case_release(&t);
    }
    golden_check("convolutions", hash);
}

static void test_teams(void **state)
{
    (void)state;
    const enum split splits[] = {SPLIT_AUTO, SPLIT_BATCH, SPLIT_CHANNEL};
    kernels_select(cpu_isa());
    EACH_ROW(row, i)
    {
        struct row_case t;
        if (!row_is_portable(row))
            continue;
        case_init(&t, row, chosen[i], 3);
        case_run(&t, 1, SPLIT_AUTO);
        float *alone = t.out;
        for (int size = 2; size < 6; size++)
            for (int s = 0; s < 3; s++) {
                t.out = poisoned_floats(t.outs);
                case_run(&t, size, splits[s]);
                assert_memory_equal(t.out, alone, t.outs * sizeof *alone);
                free(t.out);
            }
        t.out = alone;
        case_release(&t);
    }
}

/* Fewer images give the first results of more: a grain's size is no part of the bits. */
static void test_images_apart(void **state)
{
    (void)state;
    kernels_select(cpu_isa());
    EACH_ROW(row, i)
    {
        struct row_case t;
        struct conv_shape shape = chosen[i];
        if (row->pass == CONV_WEIGHT || !row_is_portable(row))
            continue;
        shape.n = 3;
        case_init(&t, row, shape, 4);
        case_run(&t, 1, SPLIT_AUTO);
        float *three = t.out;
        t.shape.n = 1;
        t.out = poisoned_floats(t.outs);
        case_run(&t, 1, SPLIT_AUTO);
        assert_memory_equal(t.out, three, t.outs / 3 * sizeof *three);
        free(three);
        case_release(&t);
    }
}

/* A norm and relu while x is read, and before: the same bits. */
static void test_prologue(void **state)
{
    (void)state;
    kernels_select(cpu_isa());
    EACH_ROW(row, i)
    {
        struct row_case t;
        if (row->pass == CONV_DATA || !row_is_portable(row))
            continue;
        case_init(&t, row, chosen[i], 7);
        int c = t.shape.c;
        struct rng rng;
        rng_init(&rng, 8, RNG_TEST, 0, 0);
        float *by[3];
        for (int b = 0; b < 3; b++)
            by[b] = random_floats(&rng, (size_t)c);
        const struct prologue prologue = {by[0], by[1], by[2],
                                          i % 3 ? ACTIVATION_RELU : ACTIVATION_NONE};
        t.prologue = &prologue;
        case_run(&t, 2, SPLIT_AUTO);
        float *fused = t.out;
        t.prologue = NULL;
        t.out = poisoned_floats(t.outs);
        const struct matrix pixels = {(int)t.xs / c, c, c};
        kernels()->norm.normalise(t.x, t.x, NULL, &prologue, &pixels);
        case_run(&t, 1, SPLIT_AUTO);
        assert_memory_equal(fused, t.out, t.outs * sizeof *fused);
        free(fused);
        for (int b = 0; b < 3; b++)
            free(by[b]);
        case_release(&t);
    }
}

/* An activation while y is written, and afterwards: the same bits. */
static void test_activation(void **state)
{
    (void)state;
    const enum activation kinds[] = {ACTIVATION_RELU, ACTIVATION_RELU6};
    const struct team alone = {.size = 1};
    int activated = 0;
    EACH_ISA(isa)
    {
        EACH_ROW(row, i)
        {
            struct row_case t;
            if (!row->activates)
                continue;
            activated++;
            case_init(&t, row, chosen[i], 9);
            t.activation = kinds[i % 2];
            case_run(&t, 2, SPLIT_AUTO);
            float *fused = t.out;
            t.activation = ACTIVATION_NONE;
            t.out = poisoned_floats(t.outs);
            case_run(&t, 1, SPLIT_AUTO);
            activation_forward(&alone, kinds[i % 2], t.out, NULL, t.out, t.outs);
            assert_memory_equal(fused, t.out, t.outs * sizeof *fused);
            free(fused);
            case_release(&t);
        }
    }
    assert_true(activated >= CHOSEN);
}

/* <conv(x), dy> = <x, dx> = <w, dw>: the three passes are one bilinear form. */
static void test_adjoint(void **state)
{
    (void)state;
    kernels_select(cpu_isa());
    EACH_ROW(row, i)
    {
        if (row->pass != CONV_FORWARD)
            continue;
        double form[CONV_PASSES], size = 0;
        for (enum conv_pass pass = CONV_FORWARD; pass < CONV_PASSES; pass++) {
            struct row_case t;
            case_init(&t, conv_algorithm_named(pass, row->name, &chosen[i]), chosen[i],
                      5);
            memset(t.bias, 0, (size_t)t.shape.k * sizeof *t.bias);
            case_run(&t, 1, SPLIT_AUTO);
            const float *with[CONV_PASSES] = {t.dy, t.x, t.w};
            form[pass] = inner_product(t.out, with[pass], t.outs);
            if (pass == CONV_FORWARD)
                size = sqrt(inner_product(t.out, t.out, t.outs) *
                            inner_product(t.dy, t.dy, t.outs));
            case_release(&t);
        }
        assert_true(size > 0);
        assert_true(fabs(form[CONV_FORWARD] - form[CONV_DATA]) <= 3e-6 * size);
        assert_true(fabs(form[CONV_FORWARD] - form[CONV_WEIGHT]) <= 3e-6 * size);
    }
}

/* Adds the images [begin, end) of a sum over all. */
static void case_add(struct row_case *all, int begin, int end)
{
    struct row_case some = *all;
    size_t images = (size_t)all->shape.n, first = (size_t)begin;
    some.shape.n = end - begin;
    some.x += first * (all->xs / images);
    some.dy += first * (all->ys / images);
    some.goes_on = begin > 0;
    case_run(&some, 1 + begin % 2, SPLIT_AUTO);
}

static void check_goes_on(const struct conv_algorithm *row,
                          const struct conv_shape *shape)
{
    struct row_case t;
    case_init(&t, row, *shape, 9);
    case_run(&t, 1, SPLIT_AUTO);
    float *whole = t.out;
    t.out = poisoned_floats(t.outs);
    case_add(&t, 0, 1);
    case_add(&t, 1, 2);
    case_add(&t, 2, t.shape.n);
    assert_memory_equal(t.out, whole, t.outs * sizeof *whole);
    free(whole);
    case_release(&t);
}

/* Image after image: the same bits. */
static void test_goes_on(void **state)
{
    (void)state;
    int checked = 0;
    const struct conv_algorithm *row;
    EACH_ISA(isa)
    {
        for (int r = 0; (row = conv_algorithm_row(r)) != NULL; r++)
            for (size_t i = 0; i < sizeof of_runs / sizeof *of_runs; i++) {
                struct conv_shape shape = of_runs[i];
                conv_shape_complete(&shape);
                if (!row->fits(&shape) || !row->goes_on || !row->goes_on(&shape))
                    continue;
                check_goes_on(row, &shape);
                checked++;
            }
        assert_true(checked % (int)(sizeof of_runs / sizeof *of_runs) == 0);
    }
    assert_true(checked > 0);
    struct conv_shape apart = {.n = 9, .h = 28, .w = 28, .c = 3, .k = 4};
    apart.r = apart.s = (struct window)WINDOW(1, 1, 0);
    conv_shape_complete(&apart);
    row = conv_algorithm_named(CONV_WEIGHT, "direct", &apart);
    assert_false(row->goes_on(&apart)); /* a run of 9 rows ends in the next image */
    apart.h = 7;
    apart.w = 7;
    conv_shape_complete(&apart);
    assert_false(row->goes_on(&apart)); /* it has several images */
}

/* Each pass has a row for every shape, and none that does not fit. */
static void test_choice(void **state)
{
    (void)state;
    for (int i = 0; i < CHOSEN; i++)
        for (enum conv_pass pass = CONV_FORWARD; pass < CONV_PASSES; pass++) {
            const struct conv_algorithm *row =
                conv_algorithm_chosen(pass, &chosen[i], &(struct kernel_policy){0});
            assert_int_equal(row->pass, pass);
            assert_true(row->fits(&chosen[i]));
            assert_true(row_is_portable(row));
            row = conv_algorithm_chosen(pass, &chosen[i],
                                        &(struct kernel_policy){.bits = POLICY_BLAS});
            assert_true(row_is_portable(row) == conv_is_depthwise(&chosen[i]));
        }
    assert_null(conv_algorithm_named(CONV_DATA, "winograd4", &chosen[12]));
    assert_null(conv_algorithm_named(CONV_DATA, "fft", &chosen[4]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reference),    cmocka_unit_test(test_same_bits),
        cmocka_unit_test(test_golden_bits),  cmocka_unit_test(test_teams),
        cmocka_unit_test(test_images_apart), cmocka_unit_test(test_prologue),
        cmocka_unit_test(test_activation),   cmocka_unit_test(test_adjoint),
        cmocka_unit_test(test_choice),       cmocka_unit_test(test_goes_on),
    };
    cpu_blas_single_thread();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
