/* Two sockets of this host: datagrams are not lost, but may take a moment. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include "comm/heartbeat.h"

enum { RANKS = 5 };
static const uint64_t token = 0x0123456789abcdef;

static const struct stall_sight sent = {
    .spot =
        {.step = 412, .moves = 77, .part = WHERE_BACKWARD, .layer = 3, .waiting = true},
    .beat = 9,
    .seen = 1234567890123,
    .ends = true,
};

static int a, b;
static struct heartbeat_address to_a, to_b;

static int open_both(void **state)
{
    (void)state;
    a = heartbeat_open(RANKS, &to_a);
    b = heartbeat_open(RANKS, &to_b);
    return a < 0 || b < 0;
}

static int close_both(void **state)
{
    (void)state;
    heartbeat_close(a);
    heartbeat_close(b);
    return 0;
}

/* Waits for the next heartbeat that b accepts. */
static bool receive(int *rank, struct stall_sight *sight)
{
    struct pollfd fd = {.fd = b, .events = POLLIN};
    while (poll(&fd, 1, 5000) > 0)
        if (heartbeat_receive(b, token, RANKS, rank, sight))
            return true;
    return false;
}

static void test_arrives_unchanged(void **state)
{
    (void)state;
    struct stall_sight sight = {.beat = 0};
    int rank = -1;
    assert_true(to_b.port != 0 && to_b.ip[0] != 0);
    heartbeat_send(a, token, RANKS - 1, &sent, &to_b);
    assert_true(receive(&rank, &sight));
    assert_int_equal(rank, RANKS - 1);
    assert_true(sight.spot.step == sent.spot.step && sight.spot.moves == 77);
    assert_true(sight.spot.part == WHERE_BACKWARD && sight.spot.layer == 3);
    assert_true(sight.spot.waiting && sight.beat == 9 && sight.seen == sent.seen);
    assert_true(sight.ends);
}

static void send_raw(const void *data, size_t bytes)
{
    struct sockaddr_in there = {
        .sin_family = AF_INET, .sin_port = to_b.port, .sin_addr = {to_b.ip[0]}};
    assert_int_equal(sendto(a, data, bytes, 0, (struct sockaddr *)&there, sizeof there),
                     bytes);
}

/* Datagrams of another job, of a rank that does not exist, of another program: only the
   last one sent is accepted. */
static void test_others_are_dropped(void **state)
{
    (void)state;
    struct stall_sight sight, none = sent;
    char junk[200];
    int rank;
    none.beat = 0;
    memset(junk, 0x5a, sizeof junk);
    heartbeat_send(a, token + 1, 1, &sent, &to_b);
    heartbeat_send(a, token, RANKS, &sent, &to_b);
    heartbeat_send(a, token, -1, &sent, &to_b);
    heartbeat_send(a, token, 1, &none, &to_b);
    for (size_t bytes = 0; bytes <= sizeof junk; bytes += 4) {
        memcpy(junk, &token, sizeof token); /* even with the right token */
        memset(junk + 40, 0, 4);
        if (bytes != 56)
            send_raw(junk, bytes);
    }
    heartbeat_send(a, token, 2, &sent, &to_b);
    assert_true(receive(&rank, &sight));
    assert_int_equal(rank, 2);
    assert_true(sight.beat == 9);
}

static void test_nobody_there(void **state)
{
    (void)state;
    struct stall_sight sight;
    int rank;
    struct heartbeat_address nowhere = to_b;
    heartbeat_close(b);
    b = -1;
    for (int i = 0; i < 3; i++) /* errors of earlier ones must not stop the others */
        heartbeat_send(a, token, 0, &sent, &nowhere);
    assert_false(heartbeat_receive(a, token, RANKS, &rank, &sight));
    heartbeat_send(-1, token, 0, &sent, &to_a);
    assert_false(heartbeat_receive(-1, token, RANKS, &rank, &sight));
}

static void test_tokens_differ(void **state)
{
    (void)state;
    uint64_t one = heartbeat_token(), two = heartbeat_token();
    assert_true(one != two && two != heartbeat_token());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_arrives_unchanged, open_both, close_both),
        cmocka_unit_test_setup_teardown(test_others_are_dropped, open_both, close_both),
        cmocka_unit_test_setup_teardown(test_nobody_there, open_both, close_both),
        cmocka_unit_test(test_tokens_differ),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
