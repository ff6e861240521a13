#include "capture.h"

#include <signal.h>

#include "base/stop.h"

static int signals(int first, int second)
{
    stop_install();
    if (stop_requested())
        return 1;
    raise(first);
    if (!stop_requested())
        return 2;
    raise(second);
    return stop_requested() ? 0 : 3;
}

static int stop_by_term(void)
{
    return signals(SIGTERM, SIGTERM);
}

static int stop_by_usr1(void)
{
    return signals(SIGUSR1, SIGINT);
}

static int stop_by_two_ints(void)
{
    return signals(SIGINT, SIGINT);
}

/* The first signal is a request; only a second INT ends the process. */
static void test_stop(void **state)
{
    (void)state;
    assert_int_equal(capture(stop_by_term).code, 0);
    assert_int_equal(capture(stop_by_usr1).code, 0);
    assert_int_equal(capture(stop_by_two_ints).code, 130);
}

static int stop_by(int number)
{
    stop_install();
    raise(number);
    return stop_requested() ? 0 : 1;
}

/* A signal that arrives before the handlers are installed is not lost. */
static int deferred(void)
{
    stop_defer();
    raise(SIGTERM);
    stop_install();
    return stop_requested() ? 0 : 1;
}

static int delivered(void)
{
    stop_defer();
    raise(SIGTERM);
    stop_deliver();
    return 0;
}

static int by_term(void)
{
    return stop_by(SIGTERM);
}
static int by_usr1(void)
{
    return stop_by(SIGUSR1);
}
static int by_usr2(void)
{
    return stop_by(SIGUSR2);
}
static int by_int(void)
{
    return stop_by(SIGINT);
}

static void test_every_signal_asks_to_stop(void **state)
{
    (void)state;
    assert_int_equal(capture(by_term).code, 0);
    assert_int_equal(capture(by_usr1).code, 0);
    assert_int_equal(capture(by_usr2).code, 0);
    assert_int_equal(capture(by_int).code, 0);
    assert_int_equal(capture(deferred).code, 0);
    assert_int_equal(capture(delivered).code, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_every_signal_asks_to_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
