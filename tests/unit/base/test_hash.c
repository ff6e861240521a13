#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"

/* Test vectors of xxHash's own self-check (cli/xsum_sanity_check.c), XXH3 64 bits. They
   cover every length class of the algorithm. */
static void test_known_answers(void **state)
{
    (void)state;
    static const struct {
        size_t bytes;
        uint64_t hash;
    } known[] = {
        {0, 0x2D06800538D394C2},   {1, 0xC44BDFF4074EECDB},    {6, 0x27B56A84CD2D7325},
        {12, 0xA713DAF0DFBB77E7},  {24, 0xA3FE70BF9D3510EB},   {48, 0x397DA259ECBA1F11},
        {80, 0xBCDEFBBB2C47C90A},  {195, 0xCD94217EE362EC3A},  {403, 0xCDEB804D65C6DEA4},
        {512, 0x617E49599013CB6B}, {2048, 0xDD59E2C3A5F038E0}, {2240, 0x6E73A90539CF2948},
    };
    unsigned char data[2240];
    uint64_t generator = 2654435761u;
    for (size_t i = 0; i < sizeof data; i++) {
        data[i] = (unsigned char)(generator >> 56);
        generator *= 11400714785074694797u;
    }
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        assert_true(hash_bytes(data, known[i].bytes, 0) == known[i].hash);
}

static void test_chain(void **state)
{
    (void)state;
    uint64_t ab = hash_bytes("b", 1, hash_bytes("a", 1, 0));
    uint64_t ba = hash_bytes("a", 1, hash_bytes("b", 1, 0));
    assert_true(ab != ba);
    assert_true(ab == hash_bytes("b", 1, hash_bytes("a", 1, 0)));
    assert_true(ab != hash_bytes("b", 1, 0));
    /* the boundary between the blocks counts */
    assert_true(hash_bytes("bc", 2, hash_bytes("a", 1, 0)) !=
                hash_bytes("c", 1, hash_bytes("ab", 2, 0)));
}

static void test_one_bit(void **state)
{
    (void)state;
    float data[100] = {0};
    uint64_t hash = hash_bytes(data, sizeof data, 0);
    for (size_t i = 0; i < sizeof data; i += 7) {
        ((unsigned char *)data)[i] ^= 1;
        assert_true(hash_bytes(data, sizeof data, 0) != hash);
        ((unsigned char *)data)[i] ^= 1;
    }
    assert_true(hash_bytes(data, sizeof data, 0) == hash);
}

static void test_text(void **state)
{
    (void)state;
    char text[17];
    hash_text(0xfedcba9876543210u, text);
    assert_string_equal(text, "fedcba9876543210");
    hash_text(0x2a, text);
    assert_string_equal(text, "000000000000002a");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_known_answers),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_one_bit),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
