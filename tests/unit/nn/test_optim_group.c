/* Groups of tensors: factors, what decays, and how long they are trained. */
#include "optim_test.h"

/* From its epoch on a tensor stays as it is, while its average goes on; the gradient that
   the norm sees is 0. */
static void test_group_epochs(void **state)
{
    (void)state;
    static const struct optim_options kinds[] = {
        {.kind = OPTIM_SGD, .momentum = 0.9, .weight_decay = 0.5},
        {.kind = OPTIM_LARS, .momentum = 0.9, .weight_decay = 0.5, .trust = 0.01},
        {.kind = OPTIM_LAMB, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-3},
    };
    const struct param_group ends = {.lr = 1, .weight_decay = 1, .epochs = 1.5};
    for (size_t k = 0; k < LENGTH(kinds); k++) {
        struct optim_options options = kinds[k];
        options.lookahead = 2;
        options.lookahead_alpha = 0.5;
        struct optim optim = {.options = &options}, plain = optim;
        for (size_t r = 0; r < LENGTH(mixed_range); r++) {
            const struct range *range = &mixed_range[r];
            optim_add(&plain, range->begin, range->end, range->rule, NULL, 0);
            optim_add(&optim, range->begin, range->end, range->rule,
                      range->begin == 45 ? &ends : NULL, 0);
        }
        struct vectors v, before, always;
        fill(&v);
        for (uint64_t step = 1; step <= 6; step++) {
            fill_grads(&v, step);
            before = always = v;
            struct optim_update a = update_of(&v, step, true);
            struct optim_update b = update_of(&always, step, true);
            a.epoch_steps = 2;
            optim_drop_resting(&optim, step, 2, v.grads, 0, 60);
            optim_drop_resting(&optim, step, 2, v.grads, 60, N);
            bool ended = step > 3;
            for (int i = 0; i < N; i++)
                assert_true(v.grads[i] ==
                            (ended && i >= 45 && i < 130 ? 0 : before.grads[i]));
            optim_step(&optim, &a, 2);
            optim_step(&plain, &b, 1);
            for (int i = 0; i < N; i++) {
                if (!ended || i < 45 || i >= 130) {
                    assert_true(v.params[i] == always.params[i]);
                    continue;
                }
                assert_true(v.params[i] == before.params[i]);
                for (int s = 0; s < OPTIM_STATES; s++)
                    assert_true(v.state[s][i] == before.state[s][i]);
                check_close(v.ema[i], 0.99 * before.ema[i] + 0.01 * v.params[i], 0.1);
            }
        }
        optim_release(&optim);
        optim_release(&plain);
    }
}

/* Until its epoch a tensor stays as it is; then it learns as if the run began there. */
static void test_group_from(void **state)
{
    (void)state;
    static const struct optim_options kinds[] = {
        {.kind = OPTIM_SGD, .momentum = 0.9, .weight_decay = 0.5},
        {.kind = OPTIM_ADAMW, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-3},
        {.kind = OPTIM_LAMB, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-3},
    };
    const struct param_group late = {.lr = 1, .weight_decay = 1, .from = 1.2};
    enum { EPOCH = 3, FIRST = 5 }; /* 1.2 epochs are 3.6 steps */
    for (size_t k = 0; k < LENGTH(kinds); k++) {
        struct optim optim = {.options = &kinds[k]}, plain = optim;
        optim_add(&optim, 0, N, RANGE_TRAIN_DECAY, &late, 0);
        optim_add(&plain, 0, N, RANGE_TRAIN_DECAY, NULL, 0);
        struct vectors v, w;
        fill(&v);
        w = v;
        for (uint64_t step = 1; step <= 8; step++) {
            fill_grads(&v, step);
            fill_grads(&w, step);
            struct optim_update a = update_of(&v, step, false);
            a.epoch_steps = EPOCH;
            optim_drop_resting(&optim, step, EPOCH, v.grads, 0, N);
            assert_true((v.grads[8] == 0) == (step < FIRST));
            optim_step(&optim, &a, 2);
            if (step >= FIRST) {
                struct optim_update b = update_of(&w, step, false);
                b.step = step - FIRST + 1;
                optim_step(&plain, &b, 1);
            }
            assert_memory_equal(v.params, w.params, sizeof v.params);
            assert_memory_equal(v.state, w.state, sizeof v.state);
        }
        optim_release(&optim);
        optim_release(&plain);
    }
}

/* One group's end is another one's begin, however the product of epochs and steps
   rounds. */
static void test_group_borders(void **state)
{
    (void)state;
    const struct optim_options options = {.kind = OPTIM_SGD};
    for (uint64_t steps = 1; steps < 60; steps++)
        for (int tenths = 1; tenths < 40; tenths++) {
            struct param_group early = {
                .lr = 1, .weight_decay = 1, .epochs = tenths / 10.0};
            struct param_group late = {.lr = 1, .weight_decay = 1, .from = tenths / 10.0};
            struct optim optim = {.options = &options};
            optim_add(&optim, 0, 16, RANGE_TRAIN, &early, 0);
            optim_add(&optim, 16, 32, RANGE_TRAIN, &late, 0);
            for (uint64_t step = 1; step < 4 * steps; step++) {
                float grads[32];
                for (int i = 0; i < 32; i++)
                    grads[i] = 1;
                optim_drop_resting(&optim, step, steps, grads, 0, 32);
                assert_true(grads[0] + grads[16] == 1);
                assert_true((grads[0] == 1) ==
                            ((double)(step - 1) / (double)steps < early.epochs));
            }
            optim_release(&optim);
        }
}

/* The rate of a layer with d units behind it is multiplied d times. */
static void test_layer_decay(void **state)
{
    (void)state;
    const struct optim_options options = {.kind = OPTIM_SGD, .layer_decay = 0.5};
    const struct param_group four = {.lr = 4, .weight_decay = 1};
    struct optim optim = {.options = &options};
    optim_add(&optim, 0, 21, RANGE_TRAIN_DECAY, NULL, 3);
    optim_add(&optim, 21, 40, RANGE_STATISTIC, NULL, 3);
    optim_add(&optim, 40, 130, RANGE_TRAIN, &four, 1);
    optim_add(&optim, 130, N, RANGE_TRAIN, NULL, 0);
    assert_int_equal(optim.segments, 3);
    assert_true(optim.segment[0].lr == 0.125);
    assert_true(optim.segment[1].lr == 2);
    assert_true(optim.segment[2].lr == 1);
    optim_release(&optim);
}

/* decay = all: as if the rule said that the tensor decays. */
static void test_group_decay(void **state)
{
    (void)state;
    const struct optim_options options = {.kind = OPTIM_SGD, .weight_decay = 0.5};
    const struct param_group all = {
        .lr = 2, .weight_decay = 0.25, .decay = PARAM_DECAY_ALL};
    struct optim optim = {.options = &options}, as_weight = optim;
    optim_add(&optim, 0, N, RANGE_TRAIN, &all, 0);
    optim_add(&as_weight, 0, N, RANGE_TRAIN_DECAY, &all, 0);
    assert_true(optim.segment[0].decay == 0.25 && !optim.segment[0].adapts);
    struct vectors v, w;
    fill(&v);
    fill_grads(&v, 1);
    w = v;
    struct optim_update a = update_of(&v, 1, false), b = update_of(&w, 1, false);
    optim_step(&optim, &a, 1);
    optim_step(&as_weight, &b, 1);
    assert_memory_equal(&v, &w, sizeof v);
    optim_release(&optim);
    optim_release(&as_weight);
}

/* Factors 1 change no bit; others are those of a rate and a decay of their own. */
static void test_group_factors(void **state)
{
    (void)state;
    static const struct optim_options kinds[] = {
        {.kind = OPTIM_SGD, .momentum = 0.9, .weight_decay = 0.5},
        {.kind = OPTIM_LARS, .momentum = 0.9, .weight_decay = 0.5, .trust = 0.01},
        {.kind = OPTIM_LAMB, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-3},
    };
    struct param_group ones = {.lr = 1, .weight_decay = 1};
    struct param_group other = {.lr = 10, .weight_decay = 0.5};
    for (size_t k = 0; k < LENGTH(kinds); k++) {
        struct vectors v, same, scaled;
        struct optim none = {.options = &kinds[k]}, one = none, ten = none, own = none;
        struct optim_options scaled_options = kinds[k];
        scaled_options.weight_decay *= 0.5;
        own.options = &scaled_options;
        for (size_t r = 0; r < LENGTH(mixed_range); r++) {
            const struct range *range = &mixed_range[r];
            optim_add(&none, range->begin, range->end, range->rule, NULL, 0);
            optim_add(&own, range->begin, range->end, range->rule, NULL, 0);
            optim_add(&one, range->begin, range->end, range->rule, &ones, 0);
            optim_add(&ten, range->begin, range->end, range->rule,
                      range->begin < 130 ? &other : NULL, 0);
        }
        fill(&v);
        fill_grads(&v, 1);
        same = scaled = v;
        struct vectors mixed_rates = v;
        struct optim_update a = update_of(&v, 1, true), b = update_of(&same, 1, true);
        struct optim_update c = update_of(&scaled, 1, true);
        struct optim_update d = update_of(&mixed_rates, 1, true);
        optim_step(&none, &a, 1);
        optim_step(&one, &b, 2);
        assert_memory_equal(&v, &same, sizeof v);
        c.lr *= 10;
        optim_step(&own, &c, 1);
        optim_step(&ten, &d, 1);
        assert_memory_equal(mixed_rates.params, scaled.params, 130 * sizeof(float));
        assert_memory_equal(mixed_rates.params + 130, v.params + 130,
                            (N - 130) * sizeof(float));
        assert_true(scaled.params[1] != v.params[1]);
        optim_release(&none);
        optim_release(&one);
        optim_release(&ten);
        optim_release(&own);
    }
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_group_factors), cmocka_unit_test(test_group_epochs),
        cmocka_unit_test(test_group_from),    cmocka_unit_test(test_group_borders),
        cmocka_unit_test(test_layer_decay),   cmocka_unit_test(test_group_decay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return run_with_each(run);
}
