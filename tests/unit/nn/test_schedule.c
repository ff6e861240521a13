#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "nn/schedule.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

#define LR 0.004

static void check_near(double got, double expected)
{
    if (!(fabs(got - expected) <= 1e-12 * LR))
        fail_msg("got %.17g, expected %.17g", got, expected);
}

/*
 * Rates of torch 1.13:
 *   p = torch.nn.Parameter(torch.zeros(1)); o = torch.optim.SGD([p], lr=0.004)
 *   s = torch.optim.lr_scheduler.OneCycleLR(o, 0.004, total_steps=total, pct_start=pct,
 *           div_factor=div, final_div_factor=final_div, cycle_momentum=False)
 *   for i in range(total):
 *       print(i, o.param_groups[0]['lr']); o.step()
 *       if i + 1 < total: s.step()
 */
struct torch_rate {
    unsigned total;
    double pct, div, final_div;
    unsigned step;
    double rate;
};
static const struct torch_rate onecycle_rates[] = {
    {1, 0.3, 25, 10000, 0, 1.6000000000000001e-08},
    {2, 0.3, 25, 10000, 0, 0.0032469826157990518},
    {2, 0.3, 25, 10000, 1, 1.6000000000000001e-08},
    {7, 0.3, 25, 10000, 0, 0.00015999999999999999},
    {7, 0.3, 25, 10000, 1, 0.0039222265093398351},
    {7, 0.3, 25, 10000, 2, 0.0036761775050788421},
    {7, 0.3, 25, 10000, 3, 0.0026907353459221799},
    {7, 0.3, 25, 10000, 4, 0.0014309551029586282},
    {7, 0.3, 25, 10000, 5, 0.00039718716757306232},
    {7, 0.3, 25, 10000, 6, 1.6000000000000001e-08},
    {10, 0.25, 10, 100, 0, 0.00040000000000000018},
    {10, 0.25, 10, 100, 1, 0.0030999999999999995},
    {10, 0.25, 10, 100, 2, 0.0039563389062661439},
    {10, 0.25, 10, 100, 3, 0.0036184159547611454},
    {10, 0.25, 10, 100, 4, 0.0030010000000000006},
    {10, 0.25, 10, 100, 5, 0.0022108478696087719},
    {10, 0.25, 10, 100, 6, 0.0013845840452388555},
    {10, 0.25, 10, 100, 7, 0.00066507704849500199},
    {10, 0.25, 10, 100, 8, 0.00017673617563008324},
    {10, 0.25, 10, 100, 9, 3.9999999999999998e-06},
    {1000, 0.3, 25, 10000, 0, 0.00015999999999999999},
    {1000, 0.3, 25, 10000, 1, 0.00016010598016867128},
    {1000, 0.3, 25, 10000, 150, 0.0020900866724901873},
    {1000, 0.3, 25, 10000, 298, 0.0039998940198313288},
    {1000, 0.3, 25, 10000, 299, 0.0040000000000000001},
    {1000, 0.3, 25, 10000, 300, 0.0039999798580645785},
    {1000, 0.3, 25, 10000, 301, 0.0039999194326640125},
    {1000, 0.3, 25, 10000, 650, 0.0019910320870259444},
    {1000, 0.3, 25, 10000, 998, 3.6141935421479832e-08},
    {1000, 0.3, 25, 10000, 999, 1.6000000000000001e-08},
    {333, 0.1, 25, 10000, 0, 0.00015999999999999999},
    {333, 0.1, 25, 10000, 16, 0.0020519892697433983},
    {333, 0.1, 25, 10000, 32, 0.0039991827072817622},
    {333, 0.1, 25, 10000, 33, 0.0039999461583136537},
    {333, 0.1, 25, 10000, 200, 0.0016279655680862969},
    {333, 0.1, 25, 10000, 332, 1.6000000000000001e-08},
};

static void test_onecycle_is_torch(void **state)
{
    (void)state;
    for (size_t i = 0; i < LENGTH(onecycle_rates); i++) {
        const struct torch_rate *r = &onecycle_rates[i];
        struct schedule_options options = {
            .kind = SCHEDULE_ONECYCLE,
            .warmup = 3, /* not for onecycle */
            .pct_start = r->pct,
            .div = r->div,
            .final_div = r->final_div,
        };
        check_near(schedule_lr(&options, LR, r->step, r->total, 10), r->rate);
    }
}

static void test_onecycle_edges(void **state)
{
    (void)state;
    struct schedule_options options = {
        .kind = SCHEDULE_ONECYCLE, .pct_start = 1, .div = 10, .final_div = 100};
    check_near(schedule_lr(&options, LR, 0, 1, 1), LR); /* all rise, in one step */
    check_near(schedule_lr(&options, LR, 0, 5, 1), LR / 10);
    check_near(schedule_lr(&options, LR, 4, 5, 1), LR);
    options.pct_start = 0; /* all fall */
    check_near(schedule_lr(&options, LR, 4, 5, 1), LR / 1000);
    assert_true(schedule_lr(&options, LR, 0, 1000, 1) > 0.99 * LR);
    options.pct_start = 0.5; /* the rise ends at step 0 */
    check_near(schedule_lr(&options, LR, 0, 2, 1), LR);
    check_near(schedule_lr(&options, LR, 1, 2, 1), LR / 1000);
    check_near(schedule_lr(&options, LR, 99, 2, 1), LR / 1000); /* past the end */
}

static void test_constant(void **state)
{
    (void)state;
    struct schedule_options options = {.kind = SCHEDULE_CONSTANT};
    for (uint64_t step = 0; step < 20; step++)
        check_near(schedule_lr(&options, LR, step, 20, 5), LR);
    options.warmup = 2; /* ten steps */
    for (uint64_t step = 0; step < 20; step++) {
        double share = step < 10 ? (double)(step + 1) / 10 : 1;
        check_near(schedule_lr(&options, LR, step, 20, 5), LR * share);
    }
}

static void test_step(void **state)
{
    (void)state;
    struct schedule_options options = {
        .kind = SCHEDULE_STEP, .step_every = 2, .gamma = 0.1};
    for (uint64_t step = 0; step < 70; step++)
        check_near(schedule_lr(&options, LR, step, 70, 10),
                   LR * pow(0.1, (double)(step / 20)));
    /* A tenth of an epoch of 30 steps: in binary 9 / 30 / 0.1 is a little less than 3. */
    options.step_every = 0.1;
    options.gamma = 0.5;
    for (uint64_t step = 0; step < 70; step++)
        check_near(schedule_lr(&options, LR, step, 70, 30),
                   LR * pow(0.5, (double)(step / 3)));
    options.step_every = 0.7;
    options.warmup = 1;
    check_near(schedule_lr(&options, LR, 0, 70, 10), LR * 0.1);
    check_near(schedule_lr(&options, LR, 8, 70, 10), LR * 0.5 * 0.9);
    options.step_every = 0; /* no milestones */
    check_near(schedule_lr(&options, LR, 69, 70, 10), LR);
}

static void test_cosine(void **state)
{
    (void)state;
    struct schedule_options options = {.kind = SCHEDULE_COSINE, .final = 0.1};
    check_near(schedule_lr(&options, LR, 0, 101, 10), LR);
    check_near(schedule_lr(&options, LR, 25, 101, 10),
               LR * (0.1 + 0.9 * (0.5 + 0.5 * sqrt(0.5))));
    check_near(schedule_lr(&options, LR, 50, 101, 10), LR * 0.55);
    check_near(schedule_lr(&options, LR, 100, 101, 10), LR * 0.1);
    check_near(schedule_lr(&options, LR, 5000, 101, 10), LR * 0.1);

    options.warmup = 2.1; /* 21 steps: the top is at step 20 */
    for (uint64_t step = 0; step < 21; step++)
        check_near(schedule_lr(&options, LR, step, 101, 10),
                   LR * (double)(step + 1) / 21);
    check_near(schedule_lr(&options, LR, 60, 101, 10), LR * 0.55);
    check_near(schedule_lr(&options, LR, 100, 101, 10), LR * 0.1);
}

/* torch.optim.lr_scheduler.PolynomialLR(total_iters=100, power) has these rates, and
   LinearLR(start_factor=1, end_factor=0.1, total_iters=100) those of the line. */
static void test_polynomial(void **state)
{
    (void)state;
    struct schedule_options options = {.kind = SCHEDULE_POLYNOMIAL, .power = 2};
    for (uint64_t step = 0; step <= 100; step++) {
        double left = 1 - (double)step / 100;
        options.final = 0;
        check_near(schedule_lr(&options, LR, step, 101, 10), LR * left * left);
        options.final = 0.2;
        check_near(schedule_lr(&options, LR, step, 101, 10),
                   LR * (0.2 + 0.8 * left * left));
    }
    options.power = 0.5;
    check_near(schedule_lr(&options, LR, 75, 101, 10), LR * (0.2 + 0.8 * 0.5));
    check_near(schedule_lr(&options, LR, 100, 101, 10), LR * 0.2);
    check_near(schedule_lr(&options, LR, 5000, 101, 10), LR * 0.2);

    options.warmup = 2.1; /* 21 steps: the top is at step 20 */
    options.power = 2;
    check_near(schedule_lr(&options, LR, 0, 101, 10), LR / 21);
    check_near(schedule_lr(&options, LR, 20, 101, 10), LR);
    check_near(schedule_lr(&options, LR, 60, 101, 10), LR * (0.2 + 0.8 * 0.25));
}

static void test_linear(void **state)
{
    (void)state;
    struct schedule_options options = {.kind = SCHEDULE_LINEAR, .final = 0.1};
    for (uint64_t step = 0; step <= 100; step++)
        check_near(schedule_lr(&options, LR, step, 101, 10),
                   LR * (1 - 0.9 * (double)step / 100));
    options.warmup = 2.1;
    for (uint64_t step = 0; step < 21; step++)
        check_near(schedule_lr(&options, LR, step, 101, 10),
                   LR * (double)(step + 1) / 21);
    check_near(schedule_lr(&options, LR, 60, 101, 10), LR * 0.55);
    check_near(schedule_lr(&options, LR, 100, 101, 10), LR * 0.1);
}

/* Of 101 steps the top is step 22: OneCycleLR(anneal_strategy='linear', pct_start). */
static void test_triangle(void **state)
{
    (void)state;
    struct schedule_options options = {.kind = SCHEDULE_ONECYCLE,
                                       .anneal = SCHEDULE_ANNEAL_LINEAR,
                                       .pct_start = 23.0 / 101,
                                       .div = 5,
                                       .final_div = 4};
    for (uint64_t step = 0; step <= 100; step++) {
        double s = (double)step;
        double share = step <= 22 ? 0.2 + 0.8 * s / 22 : 1 - 0.95 * (s - 22) / 78;
        check_near(schedule_lr(&options, LR, step, 101, 10), LR * share);
    }
}

/* airbench94: np.interp(step, [0, int(0.23 * 476), 476], [0.2, 1, 0.07]). */
static void test_airbench(void **state)
{
    (void)state;
    const struct schedule_options options = {
        .kind = SCHEDULE_TRIANGLE, .start = 0.2, .final = 0.07, .pct_start = 0.23};
    for (uint64_t step = 0; step < 476; step++) {
        double s = (double)step;
        double share = step <= 109 ? 0.2 + 0.8 * s / 109 : 1 - 0.93 * (s - 109) / 367;
        check_near(schedule_lr(&options, LR, step, 476, 48), LR * share);
    }
    const struct schedule_options falls = {.kind = SCHEDULE_TRIANGLE, .final = 0.5};
    check_near(schedule_lr(&falls, LR, 0, 4, 1), LR); /* no step of the rise */
    check_near(schedule_lr(&falls, LR, 2, 4, 1), LR * 0.75);
    const struct schedule_options rises = {
        .kind = SCHEDULE_TRIANGLE, .pct_start = 1, .start = 0.5, .warmup = 3};
    check_near(schedule_lr(&rises, LR, 0, 1, 1), LR * 0.5);
    check_near(schedule_lr(&rises, LR, 3, 4, 1), LR * 0.875);
}

static void test_short_runs(void **state)
{
    (void)state;
    struct schedule_options options = {.kind = SCHEDULE_COSINE, .final = 0.1};
    check_near(schedule_lr(&options, LR, 0, 1, 10), LR);
    check_near(schedule_lr(&options, LR, 1, 2, 10), LR * 0.1);
    check_near(schedule_lr(&options, LR, 0, 0, 10), LR);
    options.warmup = 10; /* longer than the run: it is cut off on the way up */
    options.power = 2;
    for (int kind = SCHEDULE_CONSTANT; kind <= SCHEDULE_POLYNOMIAL; kind++) {
        if (kind == SCHEDULE_ONECYCLE)
            continue;
        options.kind = kind;
        options.step_every = 100;
        options.gamma = 0.5;
        for (uint64_t step = 0; step < 30; step++)
            check_near(schedule_lr(&options, LR, step, 30, 10),
                       LR * (double)(step + 1) / 100);
    }
    options.warmup = 0.05; /* less than a step */
    options.kind = SCHEDULE_CONSTANT;
    check_near(schedule_lr(&options, LR, 0, 30, 10), LR);
}

/* No jumps but at milestones: a step changes the rate by at most about pi / 2 of the
   steepest part's average slope. */
static void test_continuity(void **state)
{
    (void)state;
    struct schedule_options options = {.warmup = 1.05,
                                       .start = 0.01,
                                       .final = 0.01,
                                       .pct_start = 0.2,
                                       .div = 25,
                                       .final_div = 1e4};
    const int kinds[] = {SCHEDULE_CONSTANT, SCHEDULE_COSINE, SCHEDULE_ONECYCLE,
                         SCHEDULE_LINEAR, SCHEDULE_TRIANGLE};
    const uint64_t total = 1000;
    for (size_t k = 0; k < LENGTH(kinds); k++) {
        options.kind = kinds[k];
        for (uint64_t step = 0; step < total; step++) {
            double rate = schedule_lr(&options, LR, step, total, 100);
            assert_true(rate > 0 && rate <= LR);
            if (step > 0) {
                double before = schedule_lr(&options, LR, step - 1, total, 100);
                assert_true(fabs(rate - before) < LR * 1.6 / 100);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_onecycle_is_torch),
        cmocka_unit_test(test_onecycle_edges),
        cmocka_unit_test(test_constant),
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_cosine),
        cmocka_unit_test(test_linear),
        cmocka_unit_test(test_polynomial),
        cmocka_unit_test(test_triangle),
        cmocka_unit_test(test_airbench),
        cmocka_unit_test(test_short_runs),
        cmocka_unit_test(test_continuity),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
