#include "capture.h"

#include <signal.h>
#include <stdbool.h>

#include "base/stop.h"
#include "base/thread.h"

static void *block_check(void *context)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    *(bool *)context = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGINT);
    return context;
}

/* The new thread takes no signals; who started it still does. */
static void test_signals_stay_with_main(void **state)
{
    (void)state;
    pthread_t thread;
    bool blocked = false;
    void *result;
    thread_start(&thread, block_check, &blocked);
    assert_int_equal(pthread_join(thread, &result), 0);
    assert_ptr_equal(result, &blocked);
    assert_true(blocked);
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    assert_false(sigismember(&mask, SIGTERM));
}

static int stop_by(int number)
{
    stop_install();
    raise(number);
    return stop_requested() ? 0 : 1;
}

/* What came before the handlers were there is not lost. */
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
        cmocka_unit_test(test_signals_stay_with_main),
        cmocka_unit_test(test_every_signal_asks_to_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
