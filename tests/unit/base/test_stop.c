#include "capture.h"

#include <signal.h>
#include <sys/resource.h>

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

static const int asking[] = {SIGINT,  SIGTERM, SIGUSR1,   SIGUSR2, SIGXCPU,   SIGHUP,
                             SIGQUIT, SIGALRM, SIGVTALRM, SIGPWR,  SIGSTKFLT, SIGIO,
                             SIGPROF, 34,      50,        64};
enum { ASKING = sizeof asking / sizeof asking[0] };

/* Each in turn; the exit code tells which one did not. */
static int by_each(void)
{
    for (int i = 0; i < ASKING; i++)
        if (stop_by(asking[i]) != 0)
            return asking[i];
    return 0;
}

/* nohup, for example. */
static int by_ignored_hup(void)
{
    signal(SIGHUP, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    if (stop_by(SIGHUP) == 0)
        return 1;
    return stop_by(SIGTERM) == 0 ? 0 : 2;
}

static void of_a_profiler(int number)
{
    (void)number;
}

/* Profilers and libraries keep what they use. */
static int by_used_signals(void)
{
    const int used[] = {SIGPROF, SIGIO, SIGSTKFLT, SIGRTMIN, SIGRTMAX};
    for (size_t i = 0; i < sizeof used / sizeof *used; i++) {
        signal(used[i], of_a_profiler);
        if (stop_by(used[i]) == 0)
            return used[i];
    }
    return 0;
}

static int by_two_quits(void)
{
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
    return signals(SIGQUIT, SIGQUIT);
}

static int ignored_for_a_helper(void)
{
    stop_ignore();
    for (int i = 0; i < ASKING; i++)
        raise(asking[i]);
    return 0;
}

/* A write then fails: the signal does not end the process. */
static int too_large_a_file(void)
{
    stop_defer();
    raise(SIGXFSZ);
    return 0;
}

static int closed_pipe(void)
{
    stop_install();
    raise(SIGPIPE);
    return 0;
}

static int closed_pipe_at_the_end(void)
{
    stop_defer();
    stop_install();
    stop_by_pipe();
    return 0;
}

static int ignored_pipe_at_the_end(void)
{
    signal(SIGPIPE, SIG_IGN);
    stop_defer();
    stop_install();
    stop_by_pipe();
    return 0;
}

static void test_failed_writes(void **state)
{
    (void)state;
    assert_int_equal(capture(too_large_a_file).code, 0);
    assert_int_equal(capture(closed_pipe).code, 0);
    assert_int_equal(capture(closed_pipe_at_the_end).code, -1);
    assert_int_equal(capture(ignored_pipe_at_the_end).code, 0);
}

static void test_every_signal_asks_to_stop(void **state)
{
    (void)state;
    assert_int_equal(capture(by_each).code, 0);
    assert_int_equal(capture(by_ignored_hup).code, 0);
    assert_int_equal(capture(by_used_signals).code, 0);
    assert_int_equal(capture(by_two_quits).code, -1);
    assert_int_equal(capture(ignored_for_a_helper).code, 0);
    assert_int_equal(capture(deferred).code, 0);
    assert_int_equal(capture(delivered).code, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_every_signal_asks_to_stop),
        cmocka_unit_test(test_failed_writes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
