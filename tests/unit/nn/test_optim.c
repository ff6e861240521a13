#include "optim_test.h"

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

static void test_against_reference(void **state)
{
    (void)state;
    for (size_t k = 0; k < LENGTH(variants); k++) {
        const struct optim_options *options = &variants[k];
        struct vectors v;
        struct element e[N];
        struct optim optim;
        optim_of(&optim, options, mixed_range, LENGTH(mixed_range));
        fill(&v);
        for (int i = 0; i < N; i++)
            e[i] = (struct element){.w = v.params[i], .ema = v.ema[i]};
        for (uint64_t step = 1; step <= STEPS; step++) {
            fill_grads(&v, step);
            struct optim_update update = update_of(&v, step, true);
            optim_apply(&optim, &update, 0, N);
            for (int i = 0; i < N; i++) {
                reference_step(options, &update, v.grads[i], rule_of((size_t)i), &e[i]);
                double scale = 1 + grad_size(i); /* what rounding errors go by */
                check_close(v.params[i], e[i].w, scale);
                check_close(v.ema[i], e[i].ema, scale);
                check_close(v.state[0][i], e[i].first, scale);
                check_close(v.state[1][i], e[i].second, 0);
            }
        }
        optim_release(&optim);
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
            struct optim optim;
            optim_of(&optim, &variants[k], mixed_range, LENGTH(mixed_range));
            fill(&whole);
            fill(&parts);
            for (uint64_t step = 1; step <= 3; step++) {
                fill_grads(&whole, step);
                fill_grads(&parts, step);
                struct optim_update a = update_of(&whole, step, true);
                struct optim_update b = update_of(&parts, step, true);
                optim_apply(&optim, &a, 0, N);
                for (size_t at = 0; at < N; at += cuts[c])
                    optim_apply(&optim, &b, at, at + cuts[c] < N ? at + cuts[c] : N);
            }
            assert_memory_equal(&whole, &parts, sizeof(whole));
            optim_release(&optim);
        }
}

static void test_range_is_kept(void **state)
{
    (void)state;
    for (size_t k = 0; k < LENGTH(variants); k++) {
        struct vectors before, after;
        struct optim optim;
        optim_of(&optim, &variants[k], mixed_range, LENGTH(mixed_range));
        fill(&before);
        fill_grads(&before, 1);
        after = before;
        struct optim_update update = update_of(&after, 1, true);
        optim_apply(&optim, &update, 50, 50); /* empty */
        assert_memory_equal(&before, &after, sizeof(before));
        optim_apply(&optim, &update, 50, 117);
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
        optim_release(&optim);
    }
}

/* The average does not touch the training, and none is needed. */
static void test_without_ema(void **state)
{
    (void)state;
    struct vectors with, without;
    struct optim optim;
    optim_of(&optim, &variants[5], mixed_range, LENGTH(mixed_range));
    fill(&with);
    fill(&without);
    for (uint64_t step = 1; step <= 5; step++) {
        fill_grads(&with, step);
        fill_grads(&without, step);
        struct optim_update a = update_of(&with, step, true);
        struct optim_update b = update_of(&without, step, false);
        optim_apply(&optim, &a, 0, N);
        optim_apply(&optim, &b, 0, N);
    }
    assert_memory_equal(with.params, without.params, sizeof(with.params));
    optim_release(&optim);
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
        struct optim optim;
        optim_of(&optim, options, mixed_range, LENGTH(mixed_range));
        fill(&v);
        fill(&first);
        struct optim_update update = update_of(&v, 1, true);
        optim_apply(&optim, &update, 0, N);
        optim_release(&optim);
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
        struct optim optim;
        optim_of(&optim, &variants[k], mixed_range, LENGTH(mixed_range));
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
        optim_apply(&optim, &update, 0, 140); /* ends in a frozen range */
        optim_apply(&optim, &update, 140, N);
        optim_release(&optim);
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
    options.lookahead = 5;
    assert_int_equal(optim_states(&options), 3);
    assert_string_equal(optim_state_name(&options, 2), "slow");
    options.kind = OPTIM_LARS;
    assert_int_equal(optim_states(&options), 2);
    assert_string_equal(optim_state_name(&options, 1), "slow");
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
        struct optim optim;
        optim_of(&optim, &variants[k], mixed_range, LENGTH(mixed_range));
        fill(&v);
        fill_grads(&v, 1);
        v.grads[40] = NAN;
        v.grads[332] = INFINITY;
        assert_true(isnan(optim_square_sum(v.grads, 300)));
        assert_true(isinf(optim_square_sum(v.grads + 41, N - 41)));
        struct optim_update update = update_of(&v, 1, true);
        optim_apply(&optim, &update, 0, N);
        optim_release(&optim);
        assert_true(isnan(v.params[40]));
        assert_false(isfinite(v.params[332]));
        assert_true(isfinite(v.params[39]) && isfinite(v.params[41]));
    }
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_reference),
        cmocka_unit_test(test_split_invariance),
        cmocka_unit_test(test_range_is_kept),
        cmocka_unit_test(test_without_ema),
        cmocka_unit_test(test_decay),
        cmocka_unit_test(test_untrained_is_kept),
        cmocka_unit_test(test_states),
        cmocka_unit_test(test_square_sum),
        cmocka_unit_test(test_bad_numbers_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return run_with_each(run);
}
