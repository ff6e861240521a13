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

static void *stand_back(void *context)
{
    char name[16];
    thread_name("a worker");
    thread_stand_back();
    pthread_getname_np(pthread_self(), name, sizeof name);
    *(bool *)context =
        strcmp(name, "a worker") == 0 && sched_getscheduler(0) == SCHED_IDLE;
    return NULL;
}

/* Only the thread itself; nothing special has to be allowed for it. */
static void test_a_thread_stands_back(void **state)
{
    (void)state;
    pthread_t thread;
    bool back = false;
    thread_start(&thread, stand_back, &back);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(back);
    assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_stay_with_main),
        cmocka_unit_test(test_a_thread_stands_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
