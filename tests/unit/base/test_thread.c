#include "capture.h"

#include <signal.h>
#include <stdbool.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_signals_stay_with_main),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
