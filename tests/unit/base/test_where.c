#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/limits.h"
#include "base/thread.h"
#include "base/where.h"

static struct where_spot look(const struct where *where)
{
    struct where_spot spot;
    where_look(where, &spot);
    return spot;
}

static void test_marks(void **state)
{
    (void)state;
    struct where where = {0};
    where_attach(&where);
    struct where_spot spot = look(&where), next;
    assert_true(spot.step == 0 && spot.part == WHERE_START && spot.layer == -1);
    assert_false(spot.waiting);

    where_step(412);
    where_layer(WHERE_BACKWARD, 5);
    next = look(&where);
    assert_true(next.step == 412 && next.part == WHERE_BACKWARD && next.layer == 5);
    assert_true(next.moves == spot.moves + 2);

    where_wait(true);
    assert_true(look(&where).waiting && look(&where).moves == next.moves + 1);
    where_wait(false);
    assert_true(!look(&where).waiting && look(&where).moves == next.moves + 2);

    /* The same mark again is a move too: the next grain in the same layer. */
    where_mark(WHERE_REDUCE);
    where_mark(WHERE_REDUCE);
    spot = look(&where);
    assert_true(spot.part == WHERE_REDUCE && spot.layer == -1);
    assert_true(spot.moves == next.moves + 4);
    where_attach(NULL);
}

static void test_without_a_struct_nothing_happens(void **state)
{
    (void)state;
    struct where where = {0};
    where_attach(&where);
    where_attach(NULL);
    uint64_t moves = look(&where).moves;
    where_step(3);
    where_mark(WHERE_LOAD);
    where_wait(true);
    assert_true(look(&where).moves == moves && look(&where).step == 0);
}

static void *mark_all(void *context)
{
    where_step(9);
    where_layer(WHERE_FORWARD, 1);
    where_wait(true);
    return context;
}

/* Members of a team mark as they compute: only the main thread's count. */
static void test_other_threads_do_not_count(void **state)
{
    (void)state;
    struct where where = {0};
    pthread_t thread;
    where_attach(&where);
    where_step(2);
    uint64_t moves = look(&where).moves;
    thread_start(&thread, mark_all, NULL);
    pthread_join(thread, NULL);
    assert_true(look(&where).moves == moves && look(&where).step == 2);
    where_attach(NULL);
}

static const char *text_of(uint64_t step, enum where_part part, int layer)
{
    static char text[WHERE_TEXT];
    struct where_spot spot = {.step = step, .part = (uint32_t)part, .layer = layer};
    where_text(&spot, text);
    return text;
}

static void test_texts(void **state)
{
    (void)state;
    where_name_layer(0, "conv1");
    where_name_layer(5, "linear2");
    assert_string_equal(text_of(412, WHERE_BACKWARD, 5),
                        "step 412, layer linear2 backward");
    assert_string_equal(text_of(1, WHERE_FORWARD, 0), "step 1, layer conv1 forward");
    assert_string_equal(text_of(412, WHERE_EVALUATE, 0),
                        "step 412, evaluate, layer conv1");
    assert_string_equal(text_of(412, WHERE_EVALUATE, -1), "step 412, evaluate");
    assert_string_equal(text_of(7, WHERE_CHECKPOINT, -1), "step 7, checkpoint");
    assert_string_equal(text_of(0, WHERE_START, -1), "start");
    assert_string_equal(text_of(0, WHERE_LOAD, -1), "start, load");
    assert_string_equal(text_of(8, WHERE_READER, -1),
                        "step 8, load, waiting for the reader");
    where_name_file("/data/letters.h5");
    assert_string_equal(text_of(8, WHERE_READER, -1),
                        "step 8, load, waiting for the reader of 'letters.h5'");
    where_name_file("a name that is too long to be told whole to those who wait for "
                    "it.h5");
    assert_string_equal(text_of(UINT64_MAX, WHERE_READER, -1),
                        "step 18446744073709551615, load, waiting for the reader of 'a "
                        "name that is too long to be told whole to those who wait for '");
    /* what a stranger's datagram might say */
    assert_string_equal(text_of(1, WHERE_FORWARD, 17), "step 1, layer 17 forward");
    assert_string_equal(text_of(1, WHERE_FORWARD, MODEL_LAYERS + 5),
                        "step 1, layer 517 forward");
    assert_string_equal(text_of(1, (enum where_part)WHERE_PARTS, -2), "step 1, nowhere");
    where_name_layer(0, "linear1");
    assert_string_equal(text_of(1, WHERE_FORWARD, 0), "step 1, layer linear1 forward");
}

/* Where a rank is that marks all the time is never a mixture of two marks. */
static atomic_bool enough;

static void *run_about(void *context)
{
    where_attach(context);
    for (int i = 0; !atomic_load(&enough); i = (i + 1) % 50)
        if (i % 2)
            where_layer(WHERE_FORWARD, i);
        else
            where_mark(WHERE_UPDATE);
    return NULL;
}

static void test_seen_from_another_thread(void **state)
{
    (void)state;
    static struct where where;
    pthread_t thread;
    thread_start(&thread, run_about, &where);
    uint64_t moves = 0;
    for (int i = 0; i < 100000 || moves < 1000; i++) {
        struct where_spot spot = look(&where);
        assert_true(spot.moves >= moves);
        assert_true(spot.part == WHERE_FORWARD ? spot.layer % 2 == 1 : spot.layer == -1);
        moves = spot.moves;
    }
    atomic_store(&enough, true);
    pthread_join(thread, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_marks),
        cmocka_unit_test(test_without_a_struct_nothing_happens),
        cmocka_unit_test(test_other_threads_do_not_count),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_seen_from_another_thread),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
