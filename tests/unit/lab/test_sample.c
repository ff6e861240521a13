#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/timer.h"
#include "lab/sample.h"
#include "lab/stopwatch.h"

/* Tables of the sign test. */
static void test_rank(void **state)
{
    (void)state;
    static const int table[][2] = {{1, 0},   {5, 0},   {6, 1},   {8, 1},  {9, 2},
                                   {10, 2},  {12, 3},  {20, 6},  {25, 8}, {30, 10},
                                   {40, 14}, {50, 18}, {100, 40}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        assert_int_equal(sample_rank(table[i][0]), table[i][1]);
}

static void test_sample(void **state)
{
    (void)state;
    double ten[] = {9, 1, 8, 2, 7, 3, 6, 4, 5, 10}, three[] = {3, 1, 2}, one[] = {4};
    struct sample s = sample_of(ten, 10);
    assert_true(s.median == 5.5 && s.low == 2 && s.high == 9 && s.count == 10);
    s = sample_of(three, 3);
    assert_true(s.median == 2 && s.low == 1 && s.high == 3 && s.count == 3);
    s = sample_of(one, 1);
    assert_true(s.median == 4 && s.low == 4 && s.high == 4 && s.count == 1);
}

/* Of many samples of 21 from a skewed distribution with known median, at least 95 % have
   it in their interval; the seed is fixed. */
static void test_coverage(void **state)
{
    (void)state;
    enum { TRIALS = 2000, COUNT = 21 };
    int inside = 0;
    for (int t = 0; t < TRIALS; t++) {
        struct rng rng;
        double values[COUNT];
        rng_init(&rng, 3, RNG_TEST, 0, (uint64_t)t);
        for (int i = 0; i < COUNT; i++) {
            double u = (double)rng_range(&rng, 0.0f, 1.0f);
            values[i] = u * u * u;
        }
        struct sample s = sample_of(values, COUNT);
        inside += s.low <= 0.125 && 0.125 <= s.high;
    }
    assert_in_range(inside, TRIALS * 95 / 100, TRIALS * 99 / 100);
}

/* Disturbed values count only where there are not enough others. */
static void test_disturbed(void **state)
{
    (void)state;
    struct sample_values *values = mem_zeroed(1, sizeof *values);
    for (int i = 0; i < SAMPLE_LEAST; i++) {
        sample_add(values, 1, true);
        sample_add(values, 100, false);
    }
    struct sample s = sample_take(values);
    assert_true(s.high == 1 && s.count == SAMPLE_LEAST && !s.doubtful);
    *values = (struct sample_values){.clean = 0};
    for (int i = 0; i < SAMPLE_LEAST; i++)
        sample_add(values, 100 + i, i == 2);
    s = sample_take(values);
    assert_true(s.count == SAMPLE_LEAST && s.median == 103 && s.doubtful);
    *values = (struct sample_values){.clean = 0};
    for (int i = 0; i < SAMPLE_MOST + 5; i++)
        sample_add(values, i, true);
    assert_int_equal(sample_take(values).count, SAMPLE_MOST);
    free(values);
}

struct race {
    struct stopwatch watch;
    struct team_shared shared;
    double own[3];
    int wrong;
};

static void run_race(void *context, int thread)
{
    struct race *race = context;
    struct team team = {.size = 3, .index = thread, .shared = &race->shared};
    for (int round = 0; round < 20; round++) {
        stopwatch_begin(&race->watch, &team);
        double begin = timer_now(), now = begin;
        while (now - begin < 1e-5 * (thread + 1))
            now = timer_now();
        race->own[thread] = now - begin;
        double seconds = stopwatch_end(&race->watch, &team);
        for (int i = 0; thread == 0 && i < 3; i++)
            race->wrong += seconds < race->own[i];
    }
}

/* A team takes at least as long as its slowest member. */
static void test_stopwatch(void **state)
{
    (void)state;
    struct race *race = mem_aligned(1, sizeof *race);
    team_run(3, run_race, race);
    assert_int_equal(race->wrong, 0);
    free(race);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rank),      cmocka_unit_test(test_sample),
        cmocka_unit_test(test_coverage),  cmocka_unit_test(test_disturbed),
        cmocka_unit_test(test_stopwatch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
