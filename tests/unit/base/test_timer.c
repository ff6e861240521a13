#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/timer.h"

static void pause_for(double seconds)
{
    struct timespec t = {0, (long)(seconds * 1e9)};
    nanosleep(&t, NULL);
}

static void test_now(void **state)
{
    (void)state;
    double begin = timer_now(), last = begin;
    for (int i = 0; i < 1000; i++) {
        double now = timer_now();
        assert_true(now >= last);
        last = now;
    }
    pause_for(0.02);
    assert_true(timer_now() - begin >= 0.02);
}

static void test_phases(void **state)
{
    (void)state;
    struct phases phases = {{0}};
    double begin = timer_now();
    pause_for(0.01);
    double t = phases_add(&phases, PHASE_FORWARD, begin);
    assert_true(t - begin >= 0.01);
    assert_true(phases.seconds[PHASE_FORWARD] == t - begin);
    double u = phases_add(&phases, PHASE_FORWARD, t);
    assert_true(fabs(phases.seconds[PHASE_FORWARD] - (u - begin)) < 1e-9);
    phases_add(&phases, PHASE_LOAD, u);
    assert_true(phases.seconds[PHASE_BACKWARD] == 0);
}

static void test_move(void **state)
{
    (void)state;
    struct phases phases = {{[PHASE_BACKWARD] = 5}};
    phases_move(&phases, PHASE_BACKWARD, PHASE_REDUCE, 2);
    assert_true(phases.seconds[PHASE_BACKWARD] == 3);
    assert_true(phases.seconds[PHASE_REDUCE] == 2);
}

/* With PHASE_REST the phases sum to the wall time, however often it is set. */
static void test_close(void **state)
{
    (void)state;
    struct phases phases = {{[PHASE_LOAD] = 1, [PHASE_REDUCE] = 2, [PHASE_EVALUATE] = 4}};
    for (int round = 0; round < 2; round++) {
        double sum = 0, wall = 10 + round;
        phases_close(&phases, wall);
        for (int i = 0; i < PHASE_COUNT; i++)
            sum += phases.seconds[i];
        assert_true(fabs(sum - wall) < 1e-12);
        assert_true(fabs(phases.seconds[PHASE_REST] - (3 + round)) < 1e-12);
    }
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < PHASE_COUNT; i++) {
        assert_non_null(phase_name[i]);
        for (int j = 0; j < i; j++)
            assert_string_not_equal(phase_name[i], phase_name[j]);
    }
    assert_string_equal(phase_name[PHASE_LOAD], "load");
    assert_string_equal(phase_name[PHASE_REDUCE], "reduce");
    assert_string_equal(phase_name[PHASE_REST], "rest");
}

static void expect_text(double seconds, const char *wanted)
{
    char text[TIMER_TEXT];
    timer_text(seconds, text);
    assert_string_equal(text, wanted);
}

static void test_text(void **state)
{
    (void)state;
    expect_text(0, "0 s");
    expect_text(41.6, "42 s");
    expect_text(99.4, "99 s");
    expect_text(99.6, "0:01:40");
    expect_text(3912, "1:05:12");
    expect_text(400 * 3600.0 + 61, "400:01:01");
    expect_text(-1, "-");
    expect_text(NAN, "-");
    expect_text(INFINITY, "-");
    expect_text(1e300, "-");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_now),   cmocka_unit_test(test_phases),
        cmocka_unit_test(test_move),  cmocka_unit_test(test_close),
        cmocka_unit_test(test_names), cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
