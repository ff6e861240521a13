#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "kernels/kernels.h"
#include "nn/optim.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

enum { N = 333, STEPS = 12 };

/* All that an update reads and writes. */
struct vectors {
    float params[N], grads[N], state[OPTIM_STATES][N], ema[N];
};

/* Neighbours of every rule, with borders where no vector ends. */
static struct range mixed_range[] = {
    {0, 21, RANGE_TRAIN_DECAY},    {21, 40, RANGE_STATISTIC}, {40, 45, RANGE_TRAIN},
    {45, 130, RANGE_TRAIN_DECAY},  {130, 147, RANGE_FROZEN},  {147, 200, RANGE_TRAIN},
    {200, 201, RANGE_TRAIN_DECAY}, {201, 290, RANGE_TRAIN},   {290, N, RANGE_TRAIN_DECAY},
};
static const struct ranges mixed = {LENGTH(mixed_range), mixed_range};

static enum range_rule rule_of(size_t i)
{
    int r = 0;
    while (i >= mixed_range[r].end)
        r++;
    return mixed_range[r].rule;
}

static bool trained(size_t i)
{
    return RANGES_TRAINED & RANGE_BIT(rule_of(i));
}

static void fill(struct vectors *v)
{
    struct rng rng;
    rng_init(&rng, 4, RNG_TEST, 0, 0);
    memset(v, 0, sizeof(*v));
    for (int i = 0; i < N; i++) {
        v->params[i] = rng_normal(&rng);
        v->ema[i] = v->params[i];
    }
}

static float grad_size(int i)
{
    return (float)pow(10, i % 5 - 2);
}

/* Gradients of step t, of very different sizes; some are exactly zero. */
static void fill_grads(struct vectors *v, uint64_t t)
{
    struct rng rng;
    rng_init(&rng, 4, RNG_TEST, (uint32_t)t, 1);
    for (int i = 0; i < N; i++)
        v->grads[i] = i % 7 == 0 ? 0.0f : rng_normal(&rng) * grad_size(i);
}

static struct optim_update update_of(struct vectors *v, uint64_t step, bool ema)
{
    return (struct optim_update){
        .params = v->params,
        .grads = v->grads,
        .state = {v->state[0], v->state[1]},
        .ranges = &mixed,
        .ema = ema ? v->ema : NULL,
        .ema_decay = 0.99,
        .lr = 0.02 / (double)step,
        .grad_scale = 0.25,
        .step = step,
    };
}

static const struct optim_options variants[] = {
    {.kind = OPTIM_SGD},
    {.kind = OPTIM_SGD, .weight_decay = 0.1},
    {.kind = OPTIM_SGD, .momentum = 0.9, .weight_decay = 0.01},
    {.kind = OPTIM_SGD, .momentum = 0.9, .nesterov = true, .weight_decay = 0.01},
    {.kind = OPTIM_ADAMW, .beta1 = 0.9, .beta2 = 0.999, .epsilon = 1e-8},
    {.kind = OPTIM_ADAMW,
     .beta1 = 0.8,
     .beta2 = 0.98,
     .epsilon = 1e-3,
     .weight_decay = 0.3},
};

/* The two papers' updates as PyTorch writes them, one element, in double. */
struct element {
    double w, first, second, ema;
};

static void reference_step(const struct optim_options *o, const struct optim_update *u,
                           double g, enum range_rule rule, struct element *e)
{
    double mask = rule == RANGE_TRAIN_DECAY ? 1 : 0;
    if (!(RANGES_TRAINED & RANGE_BIT(rule)))
        return;
    g *= u->grad_scale;
    if (o->kind == OPTIM_SGD) {
        g += o->weight_decay * mask * e->w;
        e->first = o->momentum * e->first + g;
        e->w -= u->lr * (o->nesterov ? g + o->momentum * e->first : e->first);
    } else {
        e->w *= 1 - u->lr * o->weight_decay * mask;
        e->first = o->beta1 * e->first + (1 - o->beta1) * g;
        e->second = o->beta2 * e->second + (1 - o->beta2) * g * g;
        double m = e->first / (1 - pow(o->beta1, (double)u->step));
        double v = e->second / (1 - pow(o->beta2, (double)u->step));
        e->w -= u->lr * m / (sqrt(v) + o->epsilon);
    }
    e->ema = u->ema_decay * e->ema + (1 - u->ema_decay) * e->w;
}

static void check_close(double got, double expected, double scale)
{
    if (!(fabs(got - expected) <= 2e-6 * (scale + fabs(expected))))
        fail_msg("got %.9g, expected %.9g", got, expected);
}

static void test_against_reference(void **state)
{
    (void)state;
    for (size_t k = 0; k < LENGTH(variants); k++) {
        const struct optim_options *options = &variants[k];
        struct vectors v;
        struct element e[N];
        fill(&v);
        for (int i = 0; i < N; i++)
            e[i] = (struct element){.w = v.params[i], .ema = v.ema[i]};
        for (uint64_t step = 1; step <= STEPS; step++) {
            fill_grads(&v, step);
            struct optim_update update = update_of(&v, step, true);
            optim_apply(options, &update, 0, N);
            for (int i = 0; i < N; i++) {
                reference_step(options, &update, v.grads[i], rule_of((size_t)i), &e[i]);
                double scale = 1 + grad_size(i); /* what rounding errors go by */
                check_close(v.params[i], e[i].w, scale);
                check_close(v.ema[i], e[i].ema, scale);
                check_close(v.state[0][i], e[i].first, scale);
                check_close(v.state[1][i], e[i].second, 0);
            }
        }
    }
}

/*
 * Four steps of torch 1.13 from w; opt is torch.optim.SGD or AdamW with `args`:
 *   w = torch.nn.Parameter(torch.tensor([0.5, -1.25, 2.0, 0.001]))
 *   o = opt([w], **args)
 *   for t in range(4):
 *       w.grad = torch.tensor([0.3, -0.2, 0.05, 1.0]) * (1 if t % 2 == 0 else -0.7) + 0.1
 * * t o.step() print(w.tolist())
 */
struct torch_run {
    struct optim_options options;
    double w[4];
};
static const struct torch_run torch_runs[] = {
    /* lr=.1, momentum=.9, nesterov=True, weight_decay=.01 */
    {{.kind = OPTIM_SGD,
      .lr = 0.1,
      .momentum = 0.9,
      .nesterov = true,
      .weight_decay = 0.01},
     {0.2569998800754547, -1.319257378578186, 1.815110445022583, -0.44952812790870667}},
    /* lr=.1, momentum=.9, weight_decay=.01 */
    {{.kind = OPTIM_SGD, .lr = 0.1, .momentum = 0.9, .weight_decay = 0.01},
     {0.31840136647224426, -1.2790553569793701, 1.8732144832611084,
      -0.36751458048820496}},
    /* lr=.1 */
    {{.kind = OPTIM_SGD, .lr = 0.1},
     {0.421999990940094, -1.2980000972747803, 1.937000036239624, -0.11900001019239426}},
    /* lr=.01, weight_decay=.05, betas=(.9, .99), eps=1e-8 */
    {{.kind = OPTIM_ADAMW,
      .lr = 0.01,
      .weight_decay = 0.05,
      .beta1 = 0.9,
      .beta2 = 0.99,
      .epsilon = 1e-8},
     {0.4718790650367737, -1.245297908782959, 1.95863676071167, -0.019633421674370766}},
};

static void test_against_torch(void **state)
{
    (void)state;
    const float base[4] = {0.3f, -0.2f, 0.05f, 1.0f};
    struct range all = {0, 4, RANGE_TRAIN_DECAY};
    const struct ranges ranges = {1, &all};
    for (size_t k = 0; k < LENGTH(torch_runs); k++) {
        const struct optim_options *options = &torch_runs[k].options;
        float w[4] = {0.5f, -1.25f, 2.0f, 0.001f}, g[4], m[4] = {0}, v[4] = {0};
        for (uint64_t t = 0; t < 4; t++) {
            for (int i = 0; i < 4; i++)
                g[i] = base[i] * (t % 2 ? -0.7f : 1.0f) + 0.1f * (float)t;
            struct optim_update update = {
                .params = w,
                .grads = g,
                .state = {m, v},
                .ranges = &ranges,
                .lr = options->lr,
                .grad_scale = 1,
                .step = t + 1,
            };
            optim_apply(options, &update, 0, 4);
        }
        for (int i = 0; i < 4; i++)
            assert_true(fabs(w[i] - torch_runs[k].w[i]) < 3e-7);
    }
}

/* Any way of cutting [0, N) gives the bits of one call. */
static void test_split_invariance(void **state)
{
    (void)state;
    const size_t cuts[] = {1, 3, 7, 16, 31, 32, 33, 64, 100, 332};
    for (size_t k = 0; k < LENGTH(variants); k++)
        for (size_t c = 0; c < LENGTH(cuts); c++) {
            struct vectors whole, parts;
            fill(&whole);
            fill(&parts);
            for (uint64_t step = 1; step <= 3; step++) {
                fill_grads(&whole, step);
                fill_grads(&parts, step);
                struct optim_update a = update_of(&whole, step, true);
                struct optim_update b = update_of(&parts, step, true);
                optim_apply(&variants[k], &a, 0, N);
                for (size_t at = 0; at < N; at += cuts[c])
                    optim_apply(&variants[k], &b, at,
                                at + cuts[c] < N ? at + cuts[c] : N);
            }
            assert_memory_equal(&whole, &parts, sizeof(whole));
        }
}

static void test_range_is_kept(void **state)
{
    (void)state;
    for (size_t k = 0; k < LENGTH(variants); k++) {
        struct vectors before, after;
        fill(&before);
        fill_grads(&before, 1);
        after = before;
        struct optim_update update = update_of(&after, 1, true);
        optim_apply(&variants[k], &update, 50, 50); /* empty */
        assert_memory_equal(&before, &after, sizeof(before));
        optim_apply(&variants[k], &update, 50, 117);
        for (int i = 0; i < N; i++)
            if (i < 50 || i >= 117) {
                assert_memory_equal(&after.params[i], &before.params[i], sizeof(float));
                assert_memory_equal(&after.ema[i], &before.ema[i], sizeof(float));
                assert_memory_equal(&after.state[0][i], &before.state[0][i],
                                    sizeof(float));
            } else if (trained((size_t)i) && before.grads[i] != 0.0f) {
                assert_true(after.params[i] != before.params[i]);
            }
        assert_memory_equal(after.grads, before.grads, sizeof(after.grads));
    }
}

/* The average does not touch the training, and none is needed. */
static void test_without_ema(void **state)
{
    (void)state;
    struct vectors with, without;
    fill(&with);
    fill(&without);
    for (uint64_t step = 1; step <= 5; step++) {
        fill_grads(&with, step);
        fill_grads(&without, step);
        struct optim_update a = update_of(&with, step, true);
        struct optim_update b = update_of(&without, step, false);
        optim_apply(&variants[5], &a, 0, N);
        optim_apply(&variants[5], &b, 0, N);
    }
    assert_memory_equal(with.params, without.params, sizeof(with.params));
    struct vectors first;
    fill(&first);
    assert_memory_equal(without.ema, first.ema, sizeof(first.ema));
}

/* With no gradient the rule alone decides what shrinks. */
static void test_decay(void **state)
{
    (void)state;
    const int kinds[] = {1, 5};
    for (size_t k = 0; k < LENGTH(kinds); k++) {
        const struct optim_options *options = &variants[kinds[k]];
        struct vectors v, first;
        fill(&v);
        fill(&first);
        struct optim_update update = update_of(&v, 1, true);
        optim_apply(options, &update, 0, N);
        double kept = 1 - update.lr * options->weight_decay;
        for (int i = 0; i < N; i++)
            if (rule_of((size_t)i) != RANGE_TRAIN_DECAY)
                assert_memory_equal(&v.params[i], &first.params[i], sizeof(float));
            else
                assert_true(fabs(v.params[i] - kept * first.params[i]) < 1e-7 * 4);
    }
}

/* Statistics and frozen ranges keep their bits in every vector, and so does their
   average, whatever their gradient's slot holds. */
static void test_untrained_is_kept(void **state)
{
    (void)state;
    for (size_t k = 0; k < LENGTH(variants); k++) {
        struct vectors before, after;
        int kept = 0;
        fill(&before);
        fill_grads(&before, 1);
        for (size_t i = 0; i < N; i++) {
            if (trained(i))
                continue;
            before.grads[i] = i % 2 ? NAN : 1e30f;
            before.ema[i] = 3.0f;
            before.state[0][i] = 4.0f;
            before.state[1][i] = 5.0f;
        }
        after = before;
        struct optim_update update = update_of(&after, 1, true);
        optim_apply(&variants[k], &update, 0, 140); /* ends in a frozen range */
        optim_apply(&variants[k], &update, 140, N);
        for (size_t i = 0; i < N; i++) {
            if (trained(i)) {
                assert_true(isfinite(after.params[i]));
                assert_true(before.grads[i] == 0 || after.params[i] != before.params[i]);
                continue;
            }
            kept++;
            assert_memory_equal(&after.params[i], &before.params[i], sizeof(float));
            assert_memory_equal(&after.ema[i], &before.ema[i], sizeof(float));
            assert_memory_equal(&after.state[0][i], &before.state[0][i], sizeof(float));
            assert_memory_equal(&after.state[1][i], &before.state[1][i], sizeof(float));
        }
        assert_int_equal(kept, 19 + 17);
    }
}

static void test_states(void **state)
{
    (void)state;
    struct optim_options options = {.kind = OPTIM_SGD};
    assert_int_equal(optim_states(&options), 1);
    assert_string_equal(optim_state_name(&options, 0), "momentum");
    options.kind = OPTIM_ADAMW;
    assert_int_equal(optim_states(&options), 2);
    assert_string_equal(optim_state_name(&options, 0), "m");
    assert_string_equal(optim_state_name(&options, 1), "v");
    for (int k = 0; k < OPTIM_KINDS; k++)
        assert_string_equal(optim_words[k], optim_kinds[k]->name);
    assert_null(optim_words[OPTIM_KINDS]);
}

static void test_square_sum(void **state)
{
    (void)state;
    enum { COUNT = 4096 + 1234 };
    float *g = malloc(COUNT * sizeof(*g));
    assert_non_null(g);
    struct rng rng;
    rng_init(&rng, 1, RNG_TEST, 2, 3);
    for (int i = 0; i < COUNT; i++)
        g[i] = rng_normal(&rng) * (float)pow(10, i % 9 - 4);
    const size_t lengths[] = {0,  1,  2,  3,  7,  8,  9,  15,   16,   17,
                              31, 32, 33, 63, 64, 65, 99, 4095, 4096, COUNT};
    for (size_t k = 0; k < LENGTH(lengths); k++) { /* around the lanes, and long ones */
        double sum = 0;
        for (size_t i = 0; i < lengths[k]; i++)
            sum += (double)g[i] * g[i];
        assert_true(fabs(optim_square_sum(g, lengths[k]) - sum) <= 1e-13 * sum);
    }
    free(g);
}

/* Trouble in a gradient must show in the norm, and reach the weights, not vanish. */
static void test_bad_numbers_pass(void **state)
{
    (void)state;
    for (size_t k = 0; k < LENGTH(variants); k++) {
        struct vectors v;
        fill(&v);
        fill_grads(&v, 1);
        v.grads[40] = NAN;
        v.grads[332] = INFINITY;
        assert_true(isnan(optim_square_sum(v.grads, 300)));
        assert_true(isinf(optim_square_sum(v.grads + 41, N - 41)));
        struct optim_update update = update_of(&v, 1, true);
        optim_apply(&variants[k], &update, 0, N);
        assert_true(isnan(v.params[40]));
        assert_false(isfinite(v.params[332]));
        assert_true(isfinite(v.params[39]) && isfinite(v.params[41]));
    }
}

/* The tests run with every instruction set of this machine. */
static int run_with(enum cpu_isa isa)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_reference), cmocka_unit_test(test_against_torch),
        cmocka_unit_test(test_split_invariance),  cmocka_unit_test(test_range_is_kept),
        cmocka_unit_test(test_without_ema),       cmocka_unit_test(test_decay),
        cmocka_unit_test(test_untrained_is_kept), cmocka_unit_test(test_states),
        cmocka_unit_test(test_square_sum),        cmocka_unit_test(test_bad_numbers_pass),
    };
    return kernels_select(isa) ? cmocka_run_group_tests(tests, NULL, NULL) : 0;
}

int main(void)
{
    int failures = 0;
    for (enum cpu_isa isa = CPU_PLAIN; isa <= cpu_isa(); isa++)
        failures += run_with(isa);
    return failures != 0;
}
