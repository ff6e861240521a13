/* lars and lamb: norms of tensors; lookahead. */
#include "optim_test.h"

static const struct optim_options variants[] = {
    {.kind = OPTIM_LARS, .momentum = 0.9, .weight_decay = 0.01, .trust = 0.02},
    {.kind = OPTIM_LARS, .momentum = 0.8, .nesterov = true, .trust = 0.1},
    {.kind = OPTIM_LAMB, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-3},
    {.kind = OPTIM_LAMB,
     .beta1 = 0.8,
     .beta2 = 0.98,
     .epsilon = 1e-2,
     .weight_decay = 0.3},
};

/* --- the algorithms of the papers, one tensor, in double --- */

struct tensor {
    int begin, end;
    bool adapts;
    double w[N], first[N], second[N], ema[N];
};

static double norm_of(const double *x, const struct tensor *t)
{
    double sum = 0;
    for (int i = t->begin; i < t->end; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

static void reference_lars(const struct optim_options *o, const struct optim_update *u,
                           const double *g, struct tensor *t)
{
    double decay = t->adapts ? o->weight_decay : 0;
    double trust = 1, wn = norm_of(t->w, t), gn = norm_of(g, t);
    if (t->adapts && wn > 0 && gn > 0)
        trust = o->trust * wn / (gn + decay * wn);
    for (int i = t->begin; i < t->end; i++) {
        double step = u->lr * trust * (g[i] + decay * t->w[i]);
        t->first[i] = o->momentum * t->first[i] + step;
        t->w[i] -= o->nesterov ? step + o->momentum * t->first[i] : t->first[i];
    }
}

static void reference_lamb(const struct optim_options *o, const struct optim_update *u,
                           const double *g, struct tensor *t)
{
    double decay = t->adapts ? o->weight_decay : 0, r[N];
    for (int i = t->begin; i < t->end; i++) {
        t->first[i] = o->beta1 * t->first[i] + (1 - o->beta1) * g[i];
        t->second[i] = o->beta2 * t->second[i] + (1 - o->beta2) * g[i] * g[i];
        double m = t->first[i] / (1 - pow(o->beta1, (double)u->step));
        double v = t->second[i] / (1 - pow(o->beta2, (double)u->step));
        r[i] = m / (sqrt(v) + o->epsilon) + decay * t->w[i];
    }
    double wn = norm_of(t->w, t), rn = norm_of(r, t);
    double trust = t->adapts && wn > 0 && rn > 0 ? wn / rn : 1;
    for (int i = t->begin; i < t->end; i++)
        t->w[i] -= u->lr * trust * r[i];
}

static void test_against_papers(void **state)
{
    (void)state;
    for (size_t k = 0; k < LENGTH(variants); k++) {
        const struct optim_options *options = &variants[k];
        static struct tensor tensor[LENGTH(mixed_range)];
        struct vectors v;
        struct optim optim;
        optim_of(&optim, options, mixed_range, LENGTH(mixed_range));
        fill(&v);
        memset(v.params + 290, 0, (N - 290) * sizeof(float)); /* no norm */
        for (size_t r = 0; r < LENGTH(mixed_range); r++) {
            tensor[r] =
                (struct tensor){.begin = (int)mixed_range[r].begin,
                                .end = (int)mixed_range[r].end,
                                .adapts = mixed_range[r].rule == RANGE_TRAIN_DECAY};
            for (int i = 0; i < N; i++)
                tensor[r].w[i] = v.params[i], tensor[r].ema[i] = v.ema[i];
        }
        for (uint64_t step = 1; step <= STEPS; step++) {
            double g[N];
            fill_grads(&v, step);
            if (step == 2) /* no gradient */
                memset(v.grads + 45, 0, 85 * sizeof(float));
            struct optim_update update = update_of(&v, step, true);
            optim_step(&optim, &update, 3);
            for (int i = 0; i < N; i++)
                g[i] = v.grads[i] * update.grad_scale;
            for (size_t r = 0; r < LENGTH(mixed_range); r++) {
                struct tensor *t = &tensor[r];
                if (!trained(mixed_range[r].begin))
                    continue;
                (options->kind == OPTIM_LARS ? reference_lars
                                             : reference_lamb)(options, &update, g, t);
                for (int i = t->begin; i < t->end; i++) {
                    t->ema[i] += (1 - update.ema_decay) * (t->w[i] - t->ema[i]);
                    double scale = 1 + grad_size(i);
                    check_close(v.params[i], t->w[i], scale);
                    check_close(v.ema[i], t->ema[i], scale);
                    check_close(v.state[0][i], t->first[i], scale);
                }
            }
        }
        optim_release(&optim);
    }
}

/* A tensor of several chunks, by teams of any size, cut anywhere: the same bits. */
static void test_teams_agree(void **state)
{
    (void)state;
    enum { LARGE = 3 * OPTIM_CHUNK + 77, ALL = LARGE + 50 };
    const struct range range[] = {{0, LARGE, RANGE_TRAIN_DECAY},
                                  {LARGE, LARGE + 10, RANGE_TRAIN},
                                  {LARGE + 10, ALL, RANGE_TRAIN_DECAY}};
    const int sizes[] = {1, 2, 3, 5, 16};
    float *first = NULL;
    for (size_t k = 0; k < LENGTH(variants); k++) {
        for (size_t s = 0; s < LENGTH(sizes); s++) {
            float *all = test_calloc(4 * ALL, sizeof(float));
            struct optim optim;
            struct rng rng;
            rng_init(&rng, 9, RNG_TEST, 1, 1);
            for (int i = 0; i < 2 * ALL; i++)
                all[i] = rng_normal(&rng);
            optim_of(&optim, &variants[k], range, LENGTH(range));
            for (uint64_t step = 1; step <= 3; step++) {
                struct optim_update update = {
                    .params = all,
                    .grads = all + ALL,
                    .state = {all + 2 * ALL, all + 3 * ALL},
                    .lr = 0.1,
                    .grad_scale = 0.5,
                    .step = step,
                };
                for (int m = 0; m < sizes[s]; m++) {
                    const struct team team = {.size = sizes[s], .index = m};
                    assert_true(optim_measure(&optim, &update, &team));
                }
                for (size_t at = 0; at < ALL; at += 1000 + (size_t)s)
                    optim_apply(&optim, &update, at,
                                at + 1000 + s < ALL ? at + 1000 + s : ALL);
            }
            optim_release(&optim);
            if (!first) {
                first = all;
                continue;
            }
            assert_memory_equal(all, first, 4 * ALL * sizeof(float));
            test_free(all);
        }
        assert_true(first[0] == first[0]);
        test_free(first);
        first = NULL;
    }
}

/* --- lookahead --- */

/* Statistics follow the slow weights, too. */
static bool follows(size_t i)
{
    return rule_of(i) != RANGE_FROZEN;
}

/* Every third step the weights are set to the slow ones, which go half way. */
static void test_lookahead(void **state)
{
    (void)state;
    static const struct optim_options inner[] = {
        {.kind = OPTIM_SGD, .momentum = 0.9, .weight_decay = 0.01},
        {.kind = OPTIM_ADAMW, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-3},
        {.kind = OPTIM_LAMB, .beta1 = 0.9, .beta2 = 0.99, .epsilon = 1e-3},
    };
    for (size_t k = 0; k < LENGTH(inner); k++) {
        struct optim_options with = inner[k];
        with.lookahead = 3;
        with.lookahead_alpha = 0.5;
        struct vectors v, fast;
        struct optim optim, plain;
        float *slow = v.state[optim_states(&with) - 1], expected[N];
        optim_of(&optim, &with, mixed_range, LENGTH(mixed_range));
        optim_of(&plain, &inner[k], mixed_range, LENGTH(mixed_range));
        fill(&v);
        float *const states[] = {v.state[0], v.state[1], v.state[2]};
        optim_begin(&optim, v.params, states);
        for (int i = 0; i < N; i++) {
            expected[i] = follows((size_t)i) ? v.params[i] : 0.0f;
            assert_true(slow[i] == expected[i]);
        }
        for (uint64_t step = 1; step <= 7; step++) {
            fill_grads(&v, step);
            fast = v;
            const struct vectors before = v;
            struct optim_update a = update_of(&v, step, true);
            struct optim_update b = update_of(&fast, step, true);
            optim_step(&optim, &a, 2);
            optim_step(&plain, &b, 1);
            if (step % 3) {
                assert_memory_equal(&v, &fast, sizeof v);
                continue;
            }
            for (int i = 0; i < N; i++) {
                if (!follows((size_t)i)) {
                    assert_true(slow[i] == 0);
                    continue;
                }
                expected[i] += 0.5f * (fast.params[i] - expected[i]);
                check_close(slow[i], expected[i], 0.1);
                assert_true(slow[i] == v.params[i]);
                if (!trained((size_t)i))
                    assert_true(v.ema[i] == before.ema[i]);
                else
                    check_close(v.ema[i], 0.99 * before.ema[i] + 0.01 * v.params[i], 0.1);
                expected[i] = slow[i];
            }
            assert_memory_equal(v.state[0], fast.state[0], sizeof v.state[0]);
        }
        optim_release(&optim);
        optim_release(&plain);
    }
}

/* 1 - 0.75 (step / total)^3 every third step, and 0 after a last one in between. Behind
   the last one, where only measurements go on, as at it. */
static void check_lookahead_power(uint64_t total, uint64_t steps)
{
    const struct optim_options with = {
        .kind = OPTIM_SGD, .lookahead = 3, .lookahead_alpha = 0.25, .lookahead_power = 3};
    const struct optim_options inner = {.kind = OPTIM_SGD};
    struct vectors v, fast;
    struct optim optim, plain;
    float slow[N];
    optim_of(&optim, &with, mixed_range, LENGTH(mixed_range));
    optim_of(&plain, &inner, mixed_range, LENGTH(mixed_range));
    fill(&v);
    float *const states[] = {v.state[0], v.state[1], v.state[2]};
    optim_begin(&optim, v.params, states);
    memcpy(slow, v.params, sizeof slow);
    for (uint64_t step = 1; step <= steps; step++) {
        fill_grads(&v, step);
        fast = v;
        struct optim_update a = update_of(&v, step, true);
        struct optim_update b = update_of(&fast, step, true);
        a.total = total;
        optim_step(&optim, &a, 2);
        optim_step(&plain, &b, 1);
        if (step % 3 && step != total) {
            assert_memory_equal(&v, &fast, sizeof v);
            continue;
        }
        double done = step < total ? (double)step / (double)total : 1;
        double share = step % 3 ? 0 : 1 - 0.75 * pow(done, 3);
        for (int i = 0; i < N; i++) {
            if (!follows((size_t)i))
                continue;
            slow[i] += (float)share * (fast.params[i] - slow[i]);
            check_close(v.params[i], slow[i], 0.1);
            assert_true(v.state[1][i] == v.params[i]);
            slow[i] = v.params[i];
        }
    }
    optim_release(&optim);
    optim_release(&plain);
}

static void test_lookahead_power(void **state)
{
    (void)state;
    check_lookahead_power(8, 8);
    check_lookahead_power(9, 9);
    check_lookahead_power(3, 12);
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_against_papers),
        cmocka_unit_test(test_teams_agree),
        cmocka_unit_test(test_lookahead),
        cmocka_unit_test(test_lookahead_power),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

int main(void)
{
    return run_with_each(run);
}
