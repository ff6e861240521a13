#include "kernel_test.h"

#include "kernels/winograd.h"

/*
 * The matrices of kernels/winograd.h in exact arithmetic: integers over one denominator.
 * They are checked against the definition, the transforms against them.
 */
struct matrices {
    int m;
    int b[6][6];                /* B' (m+2, m+2) */
    int g[6][3], g_denominator; /* G (m+2, 3) */
    int a[4][6], a_denominator; /* A' (m, m+2) */
};

static const struct matrices matrices[WINOGRAD_SIZES] = {
    {
        .m = 2,
        .b = {{1, 0, -1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}, {0, 1, 0, -1}},
        .g = {{2, 0, 0}, {1, 1, 1}, {1, -1, 1}, {0, 0, 2}},
        .g_denominator = 2,
        .a = {{1, 1, 1, 0}, {0, 1, -1, -1}},
        .a_denominator = 1,
    },
    {
        .m = 4,
        .b = {{2, -3, -4, 3, 2, 0},
              {0, -2, 1, 5, 2, 0},
              {0, -2, 5, -1, -2, 0},
              {0, 2, 1, -2, -1, 0},
              {0, 1, -2, -1, 2, 0},
              {0, 2, -3, -4, 3, 2}},
        .g = {{15, 0, 0}, {5, 5, 5}, {5, -5, 5}, {32, 16, 8}, {1, -2, 4}, {0, 0, 15}},
        .g_denominator = 30,
        .a = {{8, 8, 8, 8, 8, 0},
              {0, 8, -8, 4, -16, 0},
              {0, 8, 8, 2, 32, 0},
              {0, 8, -8, 1, -64, 8}},
        .a_denominator = 8,
    },
};

/* For each output i, input j, tap t: sum over f of A'[i][f] G[f][t] B'[f][j] is 1 where
   j = i + t, else 0. Both dimensions of the convolution are products of this one. */
static void test_matrices(void **state)
{
    (void)state;
    for (int size = 0; size < WINOGRAD_SIZES; size++) {
        const struct matrices *w = &matrices[size];
        int one = w->g_denominator * w->a_denominator;
        for (int i = 0; i < w->m; i++)
            for (int j = 0; j < w->m + 2; j++)
                for (int t = 0; t < 3; t++) {
                    int sum = 0;
                    for (int f = 0; f < w->m + 2; f++)
                        sum += w->a[i][f] * w->g[f][t] * w->b[f][j];
                    assert_int_equal(sum, j == i + t ? one : 0);
                }
    }
}

enum { CHANNELS = 16 };

/* A matrix M (to, from) of the two-dimensional transform x -> M x M', by what it does to
   each unit of x: element (f, g) must be M[f][i] M[g][j] for the unit (i, j). */
struct expected {
    int to, from;
    double m[6][6];
};

static void check_unit(const struct expected *e, int i, int j, const float *out,
                       ptrdiff_t plane)
{
    for (int f = 0; f < e->to; f++)
        for (int g = 0; g < e->to; g++)
            for (int c = 0; c < CHANNELS; c++) {
                double is = (double)out[(f * e->to + g) * plane + c];
                double should = e->m[f][i] * e->m[g][j] * (c + 1);
                if (!(fabs(is - should) <= 4e-7 * fabs(should)))
                    fail_msg("unit (%d, %d), (%d, %d): %.9g is not %.9g", i, j, f, g, is,
                             should);
            }
}

enum transform { INPUT, OUTPUT, GRADIENT, FILTER, FILTER_GRADIENT, TRANSFORMS };

static void expect(struct expected *e, enum transform transform, const struct matrices *w)
{
    int n = w->m + 2;
    const int to[TRANSFORMS] = {n, w->m, n, n, 3}, from[TRANSFORMS] = {n, n, w->m, 3, n};
    e->to = to[transform];
    e->from = from[transform];
    for (int f = 0; f < e->to; f++)
        for (int i = 0; i < e->from; i++) {
            const double value[TRANSFORMS] = {
                [INPUT] = transform == INPUT ? w->b[f][i] : 0,
                [OUTPUT] = transform == OUTPUT ? w->a[f][i] : 0,
                [GRADIENT] = transform == GRADIENT ? w->a[i][f] : 0,
                [FILTER] = transform == FILTER ? w->g[f][i] : 0,
                [FILTER_GRADIENT] = transform == FILTER_GRADIENT ? w->g[i][f] : 0};
            double denominator = transform == INPUT      ? 1
                                 : transform <= GRADIENT ? w->a_denominator
                                                         : w->g_denominator;
            e->m[f][i] = value[transform] / denominator;
        }
}

/* One image of one tile; results (to, to, CHANNELS). */
static void apply(enum transform transform, const struct winograd_transforms *t, int m,
                  float *out, const float *in)
{
    struct winograd_side side = {
        .c = CHANNELS, .rows = 1, .columns = 1, .ld = CHANNELS, .plane = CHANNELS};
    const struct span one = {0, 1};
    side.h = side.w = transform == INPUT ? m + 2 : m;
    if (transform == INPUT)
        t->input(&side, one, out, in);
    else if (transform == OUTPUT)
        t->output(&side, one, out, in, NULL);
    else if (transform == GRADIENT)
        t->gradient(&side, one, out, in);
    else if (transform == FILTER)
        t->filter(out, CHANNELS, in, CHANNELS, CHANNELS);
    else
        t->filter_gradient(out, CHANNELS, in, CHANNELS, CHANNELS);
}

static void test_transforms(void **state)
{
    (void)state;
    EACH_ISA(isa)
    for (int size = 0; size < WINOGRAD_SIZES; size++)
        for (enum transform transform = INPUT; transform < TRANSFORMS; transform++) {
            struct expected e;
            expect(&e, transform, &matrices[size]);
            for (int unit = 0; unit < e.from * e.from; unit++) {
                float in[36 * CHANNELS] = {0}, out[36 * CHANNELS];
                memset(out, 0xff, sizeof out);
                for (int c = 0; c < CHANNELS; c++)
                    in[unit * CHANNELS + c] = (float)(c + 1);
                apply(transform, kernels()->winograd[size], matrices[size].m, out, in);
                check_unit(&e, unit / e.from, unit % e.from, out, CHANNELS);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matrices),
        cmocka_unit_test(test_transforms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
