#include "kernel_test.h"

/* nn's test_optim has the formulas; here: what one instruction set does, all do. */
enum { COUNT = 1003 };

struct vectors {
    float w[COUNT], g[COUNT], first[COUNT], second[COUNT], ema[COUNT];
    float slow[COUNT], direction[COUNT];
};

static void fill(struct vectors *v)
{
    struct rng rng;
    rng_init(&rng, 1, RNG_TEST, 5, 0);
    for (int i = 0; i < COUNT; i++) {
        v->w[i] = rng_normal(&rng);
        v->g[i] = rng_normal(&rng);
        v->first[i] = rng_normal(&rng);
        v->second[i] = rng_range(&rng, 0.1f, 1.0f);
        v->ema[i] = rng_normal(&rng);
        v->slow[i] = rng_normal(&rng);
        v->direction[i] = 0;
    }
}

static void run(struct vectors *v,
                void (*update)(const struct update_factors *,
                               const struct update_vectors *, size_t, size_t))
{
    const struct update_factors factors = {
        .grad_scale = 0.5f,
        .lr = 0.1f,
        .decay = 0.01f,
        .one_minus_ema = 0.1f,
        .momentum = 0.9f,
        .grad_coef = 1.0f,
        .velocity_coef = 0.9f,
        .beta1 = 0.9f,
        .one_minus_beta1 = 0.1f,
        .beta2 = 0.99f,
        .one_minus_beta2 = 0.01f,
        .sqrt_bias2 = 0.7f,
        .epsilon = 1e-8f,
        .over_bias1 = 1.5f,
        .slow_share = 0.3f,
    };
    const struct update_vectors vectors = {v->w,   v->g,    v->first,    v->second,
                                           v->ema, v->slow, v->direction};
    fill(v);
    update(&factors, &vectors, 0, COUNT);
}

static void run_all(struct vectors *v)
{
    run(&v[0], kernels()->update_sgd);
    run(&v[1], kernels()->update_adamw);
    run(&v[2], kernels()->update_lamb_moments);
    run(&v[3], kernels()->update_lamb);
    run(&v[4], kernels()->update_lookahead);
    run(&v[5], kernels()->update_average);
}

static void test_instruction_sets_agree(void **state)
{
    (void)state;
    enum { KERNELS = 6 };
    static struct vectors plain[KERNELS], v[KERNELS];
    assert_true(kernels_select(CPU_PLAIN));
    run_all(plain);
    EACH_ISA(isa)
    {
        run_all(v);
        for (int k = 0; k < KERNELS; k++) {
            assert_near(v[k].w, plain[k].w, COUNT, 2e-6);
            assert_near(v[k].first, plain[k].first, COUNT, 2e-6);
            assert_near(v[k].second, plain[k].second, COUNT, 2e-6);
            assert_near(v[k].ema, plain[k].ema, COUNT, 2e-6);
            assert_near(v[k].slow, plain[k].slow, COUNT, 2e-6);
            assert_near(v[k].direction, plain[k].direction, COUNT, 2e-6);
        }
    }
}

/* The norm decides how far a step is clipped. */
static void test_square_sum_bits(void **state)
{
    (void)state;
    struct vectors v;
    fill(&v);
    for (size_t n = 0; n <= COUNT; n += n < 40 ? 1 : 321) {
        double exact = 0.0;
        for (size_t i = 0; i < n; i++)
            exact += (double)v.g[i] * (double)v.g[i];
        assert_true(kernels_select(CPU_PLAIN));
        double plain = kernels()->square_sum(v.g, n);
        assert_true(fabs(plain - exact) <= 1e-13 * exact);
        EACH_ISA(isa)
        {
            double sum = kernels()->square_sum(v.g, n);
            assert_memory_equal(&sum, &plain, sizeof sum);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instruction_sets_agree),
        cmocka_unit_test(test_square_sum_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
