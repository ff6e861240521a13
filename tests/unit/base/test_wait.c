#include "capture.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/thread.h"
#include "base/wait.h"

enum { THREADS = 4, ROUNDS = 300, ROUNDS_SPINNING = 10 };

/* As spins: never, as long as usual, until it is over. */
static const double spins[] = {0, WAIT_BRIEF, WAIT_ACTIVE};
#define SPINS (sizeof spins / sizeof spins[0])

/* --- waiting and waking --- */

struct relay {
    struct wait_word turn; /* the number of the next hand-over */
    int count;             /* not atomic: whose turn it is may write */
    int rounds;
};

struct runner {
    struct relay *relay;
    int index;
};

/* Each adds one when its turn comes: what the one before wrote must be seen. */
static void *relay_run(void *context)
{
    const struct runner *runner = context;
    struct relay *relay = runner->relay;
    for (int round = 0; round < relay->rounds; round++) {
        uint32_t mine = (uint32_t)(round * THREADS + runner->index);
        uint32_t now = atomic_load(&relay->turn.value);
        while (now != mine)
            now = wait_while(&relay->turn, now);
        relay->count++;
        wait_change(&relay->turn, mine + 1);
    }
    return NULL;
}

static void test_what_was_written_is_seen(void **state)
{
    (void)state;
    for (size_t s = 0; s < SPINS; s++) {
        /* threads that spin take the CPUs from the one whose turn it is */
        struct relay relay = {.rounds =
                                  spins[s] == WAIT_ACTIVE ? ROUNDS_SPINNING : ROUNDS};
        struct runner runner[THREADS];
        pthread_t thread[THREADS];
        wait_set_spin(spins[s]);
        for (int i = 0; i < THREADS; i++) {
            runner[i] = (struct runner){&relay, i};
            thread_start(&thread[i], relay_run, &runner[i]);
        }
        for (int i = 0; i < THREADS; i++)
            pthread_join(thread[i], NULL);
        assert_int_equal(relay.count, THREADS * relay.rounds);
        assert_int_equal(atomic_load(&relay.turn.sleepers), 0);
    }
}

struct sleeper {
    struct wait_word *word;
    _Atomic int id; /* of the thread, for /proc */
    uint32_t seen;
};

static void *sleeper_run(void *context)
{
    struct sleeper *sleeper = context;
    atomic_store(&sleeper->id, (int)syscall(SYS_gettid));
    sleeper->seen = wait_while(sleeper->word, 7);
    return NULL;
}

static char thread_letter(int id)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", id);
    FILE *file = fopen(path, "r");
    size_t read = file ? fread(text, 1, sizeof text - 1, file) : 0;
    if (file)
        fclose(file);
    const char *name_end = read > 0 ? strrchr(text, ')') : NULL;
    return name_end ? name_end[2] : '?';
}

/* After its spin a thread is asleep (S), not running (R); one change wakes all. */
static void test_waiting_threads_sleep(void **state)
{
    (void)state;
    for (size_t s = 0; s < 2; s++) {
        struct wait_word word = {.value = 7};
        struct sleeper sleeper[THREADS];
        pthread_t thread[THREADS];
        wait_set_spin(spins[s]);
        for (int i = 0; i < THREADS; i++) {
            sleeper[i] = (struct sleeper){.word = &word};
            thread_start(&thread[i], sleeper_run, &sleeper[i]);
        }
        for (int i = 0; i < THREADS; i++)
            while (atomic_load(&sleeper[i].id) == 0 ||
                   atomic_load(&word.sleepers) < THREADS ||
                   thread_letter(atomic_load(&sleeper[i].id)) != 'S')
                usleep(1000);
        wait_change(&word, 8);
        for (int i = 0; i < THREADS; i++) {
            pthread_join(thread[i], NULL);
            assert_int_equal(sleeper[i].seen, 8);
        }
    }
}

static void test_no_wait(void **state)
{
    (void)state;
    struct wait_word word = {.value = 3};
    for (size_t s = 0; s < SPINS; s++) {
        wait_set_spin(spins[s]);
        assert_int_equal(wait_while(&word, 2), 3);
    }
}

/* --- the policy --- */

static void test_policy(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        double spin;
    } policy[] = {{"passive", 0},          {"PASSIVE", 0},   {"active", WAIT_ACTIVE},
                  {"Active", WAIT_ACTIVE}, {"", WAIT_BRIEF}, {"never", WAIT_BRIEF}};
    for (size_t i = 0; i < sizeof policy / sizeof policy[0]; i++) {
        setenv("OMP_WAIT_POLICY", policy[i].text, 1);
        wait_set_spin(-1);
        assert_float_equal(wait_spin(), policy[i].spin, 1e-9);
    }
    unsetenv("OMP_WAIT_POLICY");
    wait_set_spin(-1);
    assert_float_equal(wait_spin(), WAIT_BRIEF, 1e-9);
    setenv("OMP_WAIT_POLICY", "passive", 1);
    assert_float_equal(wait_spin(), WAIT_BRIEF, 1e-9); /* read once */
}

/* --- turns --- */

/* How often this thread left its CPU by itself during `count` turns in vain. */
static long turns_asleep(double spin, int count)
{
    struct wait_turns turns = {0};
    struct rusage before, after;
    wait_set_spin(spin);
    getrusage(RUSAGE_THREAD, &before);
    for (int i = 0; i < count; i++)
        wait_turn(&turns);
    getrusage(RUSAGE_THREAD, &after);
    return after.ru_nvcsw - before.ru_nvcsw;
}

static void test_turns(void **state)
{
    (void)state;
    assert_int_equal(turns_asleep(WAIT_ACTIVE, 1000), 0);
    assert_int_equal(turns_asleep(WAIT_BRIEF, 10), 0);
    assert_true(turns_asleep(0, 1000) >= 900);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_was_written_is_seen),
        cmocka_unit_test(test_waiting_threads_sleep),
        cmocka_unit_test(test_no_wait),
        cmocka_unit_test(test_policy),
        cmocka_unit_test(test_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
