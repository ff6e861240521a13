#include "capture.h"

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

#include "base/thread.h"

static void *block_check(void *context)
{
    sigset_t mask;
    pthread_sigmask(SIG_SETMASK, NULL, &mask);
    *(bool *)context = sigismember(&mask, SIGTERM) && sigismember(&mask, SIGINT);
    return context;
}

/* The new thread takes no signals; the thread that started it still does. */
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

static void *run_idle(void *context)
{
    char name[16];
    thread_name("a worker");
    thread_run_idle();
    pthread_getname_np(pthread_self(), name, sizeof name);
    *(bool *)context =
        strcmp(name, "a worker") == 0 && sched_getscheduler(0) == SCHED_IDLE;
    return NULL;
}

/* Only the calling thread changes; no privilege is needed. */
static void test_a_thread_runs_idle(void **state)
{
    (void)state;
    pthread_t thread;
    bool idle = false;
    thread_start(&thread, run_idle, &idle);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(idle);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_stay_with_main),
        cmocka_unit_test(test_a_thread_runs_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
