/* What is judged from given states and times; nothing here waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "comm/stall.h"

enum { WARN = 60, TIMEOUT = 600, MANY = 12 };

/* The true state of a job, and the view of one watcher. */
static struct stall_sight real[MANY];
static struct stall stall;
static double now;
static char text[STALL_TEXT];
static const char *known = "";

static void begin(int size, int self, int near)
{
    static const char *const host[2] = {"n1", "n2"};
    now = 1000;
    memset(real, 0, sizeof real);
    where_name_layer(3, "linear2");
    stall_init(&stall, size, self, WARN, TIMEOUT, now);
    for (int r = 0; r < size; r++) {
        stall.rank[r].host = host[r >= near];
        stall.rank[r].near = self < near ? r < near : r >= near;
        stall.rank[r].monitor = true;
        real[r].beat = 1;
        real[r].spot = (struct where_spot){.step = 1, .layer = -1};
    }
}

static int finish(void **state)
{
    (void)state;
    stall_release(&stall);
    return 0;
}

static void at(int rank, uint64_t step, enum where_part part, int layer, bool waiting)
{
    real[rank].spot = (struct where_spot){step, real[rank].spot.moves + 1, (uint32_t)part,
                                          layer, waiting};
}

/* One second later; ranks with a bit in `silent` are not seen. */
static enum stall_news second(unsigned silent)
{
    now++;
    for (int r = 0; r < stall.size; r++) {
        if (silent >> r & 1)
            continue;
        real[r].beat++;
        stall_see(&stall, r, &real[r], now);
    }
    return stall_judge(&stall, now);
}

/* Seconds until there is news; at most `most`. */
static int until_news(unsigned silent, int most, enum stall_news *news)
{
    *news = STALL_NONE;
    int s = 0;
    while (s < most && *news == STALL_NONE) {
        *news = second(silent);
        s++;
    }
    return s;
}

static void all_wait_at(uint64_t step)
{
    for (int r = 0; r < stall.size; r++)
        at(r, step, WHERE_REDUCE, -1, true);
}

static const char *say(void)
{
    stall_text(&stall, now, known, text);
    return text;
}

static const char *say_over(void)
{
    stall_over_text(&stall, text);
    return text;
}

static void test_slow_ranks_are_not_reported(void **state)
{
    (void)state;
    enum stall_news news;
    begin(4, 0, 4);
    for (int s = 0; s < 1000; s++) {
        all_wait_at((uint64_t)s);
        assert_int_equal(second(0), STALL_NONE);
    }
    /* Rank 2 takes hours while the others wait, but it makes a move every 50 seconds. */
    for (int i = 0; i < 100; i++) {
        at(2, 1000, WHERE_BACKWARD, i % 5, false);
        until_news(0, 50, &news);
        assert_int_equal(news, STALL_NONE);
    }
}

static void test_a_stopped_rank(void **state)
{
    (void)state;
    enum stall_news news;
    begin(4, 0, 4);
    all_wait_at(412);
    at(3, 412, WHERE_BACKWARD, 3, false);
    second(0);
    assert_int_equal(until_news(1 << 3, 9999, &news), WARN);
    assert_int_equal(news, STALL_WARNING);
    assert_string_equal(say(),
                        "rank 3 (n1) has been at step 412, layer linear2 backward, "
                        "for 60 s");
    assert_int_equal(until_news(1 << 3, 9999, &news), TIMEOUT - WARN);
    assert_int_equal(news, STALL_END);
    assert_string_equal(say(),
                        "rank 3 (n1) has been at step 412, layer linear2 backward, "
                        "for 600 s");
}

/* A process that is stopped while it waits holds the job up all the same. */
static void test_stopped_while_it_waits(void **state)
{
    (void)state;
    enum stall_news news;
    begin(2, 0, 2);
    all_wait_at(7);
    second(0);
    assert_int_equal(until_news(1 << 1, 9999, &news), WARN);
    assert_string_equal(say(), "rank 1 (n1) has been at step 7, reduce, for 60 s");
}

static void test_stuck_in_a_file(void **state)
{
    (void)state;
    enum stall_news news;
    begin(3, 1, 3);
    all_wait_at(50);
    at(0, 50, WHERE_CHECKPOINT, -1, false);
    second(0);
    assert_int_equal(until_news(0, 9999, &news), WARN);
    assert_int_equal(news, STALL_WARNING); /* rank 1 reports: 0 is stuck */
    assert_string_equal(say(), "rank 0 (n1) has been at step 50, checkpoint, for 60 s");
}

static void test_moving_again(void **state)
{
    (void)state;
    enum stall_news news;
    begin(3, 0, 3);
    for (int round = 0; round < 2; round++) {
        all_wait_at(50);
        second(0);
        assert_int_equal(until_news(1 << 2, 9999, &news), WARN);
        assert_int_equal(news, STALL_WARNING);
        until_news(1 << 2, 14, &news);
        assert_int_equal(news, STALL_NONE);
        at(2, 51, WHERE_UPDATE, -1, false);
        assert_int_equal(second(0), STALL_OVER);
        assert_string_equal(say_over(),
                            "rank 2 (n1) moves again: it held the job up for 75 s");
        assert_int_equal(second(0), STALL_NONE);
    }
    /* Without a warning there is nothing to take back. */
    all_wait_at(60);
    until_news(1 << 2, WARN - 5, &news);
    all_wait_at(61);
    until_news(0, WARN - 5, &news);
    assert_int_equal(news, STALL_NONE);
}

static void test_all_wait(void **state)
{
    (void)state;
    enum stall_news news;
    begin(4, 0, 4);
    all_wait_at(50);
    at(2, 49, WHERE_EVALUATE, -1, true);
    at(3, 49, WHERE_EVALUATE, -1, true);
    second(0);
    assert_int_equal(until_news(0, 9999, &news), WARN);
    assert_int_equal(news, STALL_WARNING);
    assert_string_equal(say(), "all ranks wait for each other, for 60 s: rank 0 waits at "
                               "step 50, reduce, rank 2 waits at step 49, evaluate");
    all_wait_at(51);
    assert_int_equal(second(0), STALL_OVER);
    assert_string_equal(say_over(), "the job goes on: it stood still for 61 s");
}

/* Only the last heartbeat of a rank on another node is known. */
static void test_behind_a_cut_link(void **state)
{
    (void)state;
    enum stall_news news;
    begin(8, 0, 2);
    all_wait_at(412);
    at(2, 410, WHERE_BACKWARD, 3, false);
    second(0);
    at(0, 413, WHERE_REDUCE, -1, true);
    second(0xfc);
    assert_int_equal(until_news(0xfc, 9999, &news), WARN);
    assert_string_equal(
        say(),
        "rank 2 (n2) has been silent for 61 s, last heard of at step 410, layer "
        "linear2 backward; rank 0 waits at step 413, reduce, rank 1 waits at step "
        "412, reduce; also late: rank 3 (n2), rank 4 (n2), rank 5 (n2) and 2 more");
    /* On the other side of the link, rank 2 reports. */
    stall_release(&stall);
    begin(8, 2, 2);
    for (int r = 0; r < 8; r++)
        stall.rank[r].monitor = r <= 2;
    all_wait_at(412);
    second(0);
    assert_int_equal(until_news(0x03, 9999, &news), WARN);
    assert_int_equal(news, STALL_WARNING);
    assert_string_equal(say(),
                        "rank 0 (n1) has been silent for 60 s, last heard of at step "
                        "412, reduce; rank 2 waits at step 412, reduce; also late: "
                        "rank 1 (n1)");
}

/* A rank that was never seen may be behind a firewall: it is not blamed. */
static void test_never_heard_of(void **state)
{
    (void)state;
    enum stall_news news;
    begin(4, 0, 2);
    all_wait_at(5);
    for (int s = 0; s < 300; s++) {
        at(0, (uint64_t)s, WHERE_UPDATE, -1, false);
        assert_int_equal(second(0x0c), STALL_NONE);
    }
    at(0, 5, WHERE_REDUCE, -1, true);
    second(0x0c);
    assert_int_equal(until_news(0x0c, 9999, &news), WARN);
    assert_string_equal(say(), "all ranks wait for each other, for 60 s: rank 0 waits at "
                               "step 5, reduce; no heartbeat ever came from rank 2 (n2), "
                               "rank 3 (n2)");
    assert_int_equal(until_news(0x0c, 9999, &news), TIMEOUT - WARN);
    assert_int_equal(news, STALL_END);
}

/* A rank that sees only its own node learns from a monitor that others move. */
static void test_far_moves_keep_off_the_last_resort(void **state)
{
    (void)state;
    enum stall_news news;
    begin(6, 5, 4);
    for (int r = 0; r < 6; r++)
        stall.rank[r].monitor = r < 2;
    all_wait_at(1);
    unsigned unseen = 0x0e; /* it sees only rank 0 and its own node */
    for (int s = 0; s < 2000; s++) {
        real[0].seen += s % 100 == 0;
        assert_int_equal(second(unseen), STALL_NONE);
    }
    int left = until_news(unseen, 9999, &news);
    assert_int_equal(news, STALL_LAST_RESORT); /* it never reports before that */
    assert_in_range(left, TIMEOUT + STALL_GRACE - 100, TIMEOUT + STALL_GRACE);
}

static void test_ended_ranks_are_not_missed(void **state)
{
    (void)state;
    enum stall_news news;
    begin(3, 2, 3);
    at(0, 50, WHERE_END, -1, true);
    at(1, 50, WHERE_END, -1, false);
    at(2, 50, WHERE_CHECKPOINT, -1, false);
    second(0);
    assert_int_equal(until_news(3, 9999, &news), WARN);
    assert_int_equal(news, STALL_WARNING);
    assert_string_equal(say(), "rank 2 (n1) has been at step 50, checkpoint, for 60 s");
}

/* All ranks are stuck in one file server: the lowest whose watch runs reports. */
static void test_all_stuck(void **state)
{
    (void)state;
    enum stall_news news;
    begin(3, 1, 3);
    known = ": process 7 is stopped";
    for (int r = 0; r < 3; r++)
        at(r, 9, WHERE_LOAD, -1, false);
    second(0);
    until_news(1, 9999, &news);
    assert_int_equal(news, STALL_WARNING);
    assert_string_equal(say(), "rank 0 (n1) has been at step 9, load, for 60 s: process "
                               "7 is stopped; also late: rank 1 (n1), rank 2 (n1)");
    known = "";
    at(0, 9, WHERE_LOAD, 2, false);
    assert_int_equal(second(0), STALL_OVER);
    assert_string_equal(
        say_over(), "rank 0 (n1) moves again: it and 2 more held the job up for 61 s");
}

/* The rank that ends the job ends with it; the next one must not report as well. */
static void test_one_ends_the_job(void **state)
{
    (void)state;
    enum stall_news news;
    begin(3, 1, 3);
    all_wait_at(4);
    second(0);
    assert_int_equal(until_news(1 << 2, TIMEOUT - 1, &news), TIMEOUT - 1);
    real[0].ends = true;
    second(1 << 2);
    until_news(1 << 2 | 1, 9999, &news);
    assert_int_equal(news, STALL_LAST_RESORT);
}

/* In any situation exactly one of the ranks that run and see the same reports. */
static void test_one_reports(void **state)
{
    (void)state;
    for (int round = 0; round < 2000; round++) {
        struct rng rng;
        rng_init(&rng, 1, RNG_TEST, 0, (uint64_t)round);
        int size = 1 + (int)(rng_u32(&rng) % MANY), spoken = 0;
        unsigned silent = rng_u32(&rng) & ((1u << size) - 1), stuck = rng_u32(&rng);
        if (silent == (1u << size) - 1)
            continue;
        for (int self = 0; self < size; self++) {
            enum stall_news news;
            if (silent >> self & 1)
                continue;
            begin(size, self, size);
            for (int r = 0; r < size; r++)
                at(r, 3, WHERE_REDUCE, -1, !(stuck >> r & 1));
            second(0);
            until_news(silent, WARN + 3, &news);
            spoken += news == STALL_WARNING;
            stall_release(&stall);
        }
        assert_int_equal(spoken, 1);
    }
}

/* With many ranks and long names the text is cut, never overrun. */
static void test_long_names(void **state)
{
    (void)state;
    char host[STALL_TEXT];
    memset(host, 'x', sizeof host);
    host[sizeof host - 1] = '\0';
    enum stall_news news;
    begin(MANY, 0, MANY);
    for (int r = 0; r < MANY; r++)
        stall.rank[r].host = host;
    all_wait_at(2);
    second(0);
    until_news(~1u, 9999, &news);
    assert_int_equal(news, STALL_WARNING);
    assert_int_equal(strlen(say()), STALL_TEXT - 1);
    all_wait_at(3);
    assert_int_equal(second(0), STALL_OVER);
    assert_int_equal(strlen(say_over()), STALL_TEXT - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_slow_ranks_are_not_reported, finish),
        cmocka_unit_test_teardown(test_a_stopped_rank, finish),
        cmocka_unit_test_teardown(test_stopped_while_it_waits, finish),
        cmocka_unit_test_teardown(test_stuck_in_a_file, finish),
        cmocka_unit_test_teardown(test_moving_again, finish),
        cmocka_unit_test_teardown(test_all_wait, finish),
        cmocka_unit_test_teardown(test_behind_a_cut_link, finish),
        cmocka_unit_test_teardown(test_never_heard_of, finish),
        cmocka_unit_test_teardown(test_far_moves_keep_off_the_last_resort, finish),
        cmocka_unit_test_teardown(test_ended_ranks_are_not_missed, finish),
        cmocka_unit_test_teardown(test_all_stuck, finish),
        cmocka_unit_test_teardown(test_one_ends_the_job, finish),
        cmocka_unit_test(test_one_reports),
        cmocka_unit_test_teardown(test_long_names, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
