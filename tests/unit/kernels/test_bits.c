/* Kernels without tests of their bits elsewhere: the same with every instruction set that
   has fused multiply-adds, and on every processor. */
#include "kernel_test.h"

#include "../golden.h"
#include "kernels/linear.h"

enum { COUNT = 4096 };

/* Random values, and room for results; all of `out` is hashed. */
struct bits {
    float a[COUNT], b[COUNT], c[COUNT], out[4][COUNT];
    double sum[2][COUNT];
    uint8_t bytes[COUNT];
};

static void bits_fill(struct bits *t)
{
    struct rng rng;
    rng_init(&rng, 1, RNG_TEST, 12, 0);
    memset(t, 0, sizeof *t);
    for (int i = 0; i < COUNT; i++) {
        t->a[i] = 4 * rng_normal(&rng);
        t->b[i] = rng_normal(&rng);
        t->c[i] = rng_range(&rng, 0.1f, 2.0f);
        t->bytes[i] = (uint8_t)rng_below(&rng, 2);
    }
}

static void bits_activations(struct bits *t)
{
    const struct kernels *k = kernels();
    k->relu_forward(t->out[0], t->a, 101);
    k->relu_backward(t->out[0] + 200, t->b, t->a, 101);
    k->gelu_forward(t->out[1], t->out[1] + 2000, t->a, 1999);
    k->gelu_backward(t->out[1], t->a, t->b, 77);
    k->dropout_apply(t->out[0] + 400, t->a, t->bytes, 1.7f, 99);
    for (int kind = ACTIVATION_RELU6; kind <= ACTIVATION_HARDSWISH; kind++) {
        int at = 700 * (kind - ACTIVATION_RELU6);
        k->activate((enum activation)kind, t->out[2] + at, t->out[3] + at, t->a, 533);
        k->activate_back((enum activation)kind, t->out[2] + at + 540, t->b,
                         t->out[3] + at, 133);
    }
}

static void bits_logsoftmax(struct bits *t)
{
    const int classes[] = {2, 10, 26, 101, 1000};
    for (int i = 0, at = 0; i < 5; at += 3 * classes[i], i++) {
        int rows = i < 4 ? 3 : 1;
        kernels()->logsoftmax_forward(t->out[0] + at, t->a + at, rows, classes[i]);
        kernels()->logsoftmax_backward(t->out[1] + at, t->b, t->out[0] + at, rows,
                                       classes[i]);
    }
}

static void bits_logsigmoid(struct bits *t)
{
    for (int i = 0; i < COUNT; i++) /* up to 90 */
        t->c[i] = t->a[i] * (i % 2 ? 6.0f : 1.0f);
    kernels()->logsigmoid_forward(t->out[0], t->c, COUNT - 3);
}

static void bits_channels(struct bits *t)
{
    const struct kernels *k = kernels();
    const struct matrix m = {97, 37, 41};
    const float *const factor[3] = {t->b, t->b + 50, t->b + 100};
    const struct prologue by = {t->b, t->c, t->c + 50, ACTIVATION_SILU};
    const struct normalise_gradient gradient = {.dy = t->c, .x = t->a};
    k->add(t->out[0], t->a, t->b, 333);
    k->multiply(t->out[0] + 400, t->a, t->b, 333);
    k->sum_products(t->out[0] + 800, t->a, t->b, &m);
    k->sum_rows(t->out[0] + 900, t->a, m.rows, m.columns, m.ld);
    k->fill_rows(t->out[0] + 1000, t->a, 7, 37, 41);
    k->norm.sum_channels(t->sum[0], t->a, &m);
    k->norm.sum_squares(t->sum[0] + 100, t->a, t->b, &m);
    k->norm.normalise_sums(t->sum[0] + 200, t->sum[0] + 300, &gradient, &by, &m);
    k->norm.moments(t->sum[0] + 400, t->sum[0] + 500, t->a, &m);
    t->sum[1][0] = k->square_sum(t->a, 1003);
    k->scale_rows(t->out[1], t->a, t->b, &m);
    k->norm.normalise(t->out[2], t->a, t->b, &by, &m);
    k->norm.normalise_backward(t->out[3], &gradient, &by, factor, &m);
}

static void bits_pools(struct bits *t)
{
    struct pool_shape shape = {.n = 1, .h = 13, .w = 12, .c = 19, WINDOW_SQUARE(3, 2, 1)};
    const struct team alone = {.size = 1};
    pool_shape_complete(&shape);
    maxpool_forward(&alone, &shape, t->out[0], t->bytes, t->a);
    maxpool_backward(&alone, &shape, t->out[1], t->b, t->bytes);
    avgpool_forward(&alone, &shape, t->out[0] + 2000, t->a);
    avgpool_backward(&alone, &shape, t->out[2], t->b);
    shape.inside = true;
    avgpool_backward(&alone, &shape, t->out[3], t->b);
}

static void bits_depthwise(struct bits *t)
{
    struct conv_shape shape = {.n = 2,
                               .h = 9,
                               .w = 8,
                               .c = 21,
                               .k = 21,
                               .r = {3, 2, 2, 0, 2},
                               .s = {5, 1, 2, 0, 1},
                               .groups = 21};
    const struct team alone = {.size = 1};
    conv_shape_complete(&shape);
    depthwise_forward(&alone, &shape, t->out[0], t->a,
                      &(struct depthwise_by){t->c, t->b, ACTIVATION_NONE});
    depthwise_backward_data(&alone, &shape, t->out[1], t->a, t->c);
    depthwise_backward_weight(&alone, &shape, t->out[2], t->a, t->b, false);
    conv_backward_bias(&alone, &shape, t->out[3], t->b);
}

static void bits_updates(struct bits *t)
{
    const struct update_factors f = {.grad_scale = 0.3f,
                                     .lr = 0.01f,
                                     .decay = 1e-3f,
                                     .one_minus_ema = 0.02f,
                                     .momentum = 0.9f,
                                     .grad_coef = 0.3f,
                                     .velocity_coef = 0.7f,
                                     .beta1 = 0.9f,
                                     .one_minus_beta1 = 0.1f,
                                     .beta2 = 0.99f,
                                     .one_minus_beta2 = 0.01f,
                                     .sqrt_bias2 = 0.6f,
                                     .epsilon = 1e-6f,
                                     .over_bias1 = 1.3f,
                                     .slow_share = 0.5f};
    const struct kernels *k = kernels();
    struct update_vectors v = {.w = t->out[0],
                               .g = t->a,
                               .first = t->out[1],
                               .second = t->out[2],
                               .ema = t->out[3],
                               .slow = t->c,
                               .direction = t->b};
    memcpy(t->out[0], t->b, sizeof t->b);
    k->update_sgd(&f, &v, 3, 700);
    k->update_adamw(&f, &v, 701, 1301);
    k->update_lamb_moments(&f, &v, 1305, 1999);
    k->update_lamb(&f, &v, 1305, 1999);
    k->update_average(&f, &v, 2000, 2345);
    k->update_lookahead(&f, &v, 2400, 2777);
}

static void bits_linear(struct bits *t)
{
    /* Also the way for many images. */
    static const struct linear_shape shapes[] = {
        {7, 40, 17}, {19, 33, 50}, {1, 90, 40}, {150, 5, 9}, {3, 300, 11}};
    const struct team alone = {.size = 1};
    for (int i = 0; i < 5; i++) {
        int at = 800 * i < COUNT - 1400 ? 800 * i : 0;
        linear_forward(&alone, &shapes[i], t->out[0] + at, t->a, t->b, t->c);
        linear_backward_data(&alone, &shapes[i], t->out[1] + at, t->a, t->b);
        linear_backward_weight(&alone, &shapes[i], t->out[2] + at / 4, t->out[3] + at,
                               t->b, t->a);
        t->sum[0][i] = (double)t->out[0][at] + (double)t->out[1][at];
    }
}

static const struct {
    const char *name;
    void (*run)(struct bits *t);
} families[] = {
    {"activations", bits_activations}, {"logsoftmax", bits_logsoftmax},
    {"channels", bits_channels},       {"pools", bits_pools},
    {"depthwise", bits_depthwise},     {"updates", bits_updates},
    {"linear", bits_linear},           {"logsigmoid", bits_logsigmoid},
};

static void test_golden_bits(void **state)
{
    (void)state;
    struct bits *t = mem_aligned(1, sizeof *t);
    for (size_t i = 0; i < sizeof families / sizeof *families; i++)
        for (enum cpu_isa isa = CPU_PLAIN; isa <= cpu_isa(); isa++) {
            if (isa == CPU_V2 || !kernels_select(isa))
                continue;
            char name[64];
            bits_fill(t);
            families[i].run(t);
            snprintf(name, sizeof name, "kernels-%s", families[i].name);
            golden_check(name, golden_hash(GOLDEN_START, t, sizeof *t));
        }
    free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_golden_bits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
