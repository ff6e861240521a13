#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/sampler.h"

#define LENGTH(a) (sizeof(a) / sizeof((a)[0]))

/* Every value of [0, count) once. */
static void check_bijection(uint64_t seed, uint32_t epoch, uint64_t count)
{
    struct sampler sampler;
    sampler_init(&sampler, seed, epoch, count);
    unsigned char *seen = calloc(count, 1);
    assert_non_null(seen);
    for (uint64_t i = 0; i < count; i++) {
        uint64_t at = sampler_at(&sampler, i);
        assert_in_range(at, 0, count - 1);
        assert_int_equal(seen[at], 0);
        seen[at] = 1;
    }
    free(seen);
}

static void test_bijection(void **state)
{
    (void)state;
    const uint64_t counts[] = {1,  2,  3,    4,    5,    7,     16,    17,    26,
                               64, 65, 1000, 4096, 4097, 65535, 65536, 65537, 74979};
    for (size_t c = 0; c < LENGTH(counts); c++)
        for (uint32_t epoch = 0; epoch < 4; epoch++)
            check_bijection(epoch % 2 ? 1 : UINT64_C(0xFEDCBA9876543210), epoch,
                            counts[c]);
    for (uint64_t count = 1; count < 300; count++)
        check_bijection(42, 1000000, count);
}

static void test_stateless(void **state)
{
    (void)state;
    struct sampler a, b;
    sampler_init(&a, 5, 6, 1000);
    sampler_init(&b, 5, 6, 1000);
    for (uint64_t i = 0; i < 1000; i++)
        assert_int_equal(sampler_at(&a, 999 - i), sampler_at(&b, 999 - i));
    uint64_t forward = sampler_at(&a, 17);
    assert_int_equal(sampler_at(&b, 17), forward);
    assert_memory_equal(&a, &b, sizeof(a)); /* sampler_at changes nothing */
}

/* Positions at which two orders have the same sample: 1 on average for random ones. */
static int agreements(const struct sampler *a, const struct sampler *b)
{
    int same = 0;
    for (uint64_t i = 0; i < a->count; i++)
        same += sampler_at(a, i) == sampler_at(b, i);
    return same;
}

static void test_orders_differ(void **state)
{
    (void)state;
    const uint64_t seeds[] = {0, 1, 2, UINT64_C(1) << 32, UINT64_MAX};
    struct sampler sampler[LENGTH(seeds) * 20];
    size_t n = 0;
    for (size_t s = 0; s < LENGTH(seeds); s++)
        for (uint32_t epoch = 0; epoch < 20; epoch++)
            sampler_init(&sampler[n++], seeds[s], epoch, 997);
    long total = 0, pairs = 0;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < i; j++, pairs++) {
            int same = agreements(&sampler[i], &sampler[j]);
            assert_in_range(same, 0, 11);
            total += same;
        }
    double mean = (double)total / (double)pairs;
    assert_true(mean > 0.93 && mean < 1.07);
}

static double distance(uint64_t a, uint64_t b)
{
    return (double)(a > b ? a - b : b - a);
}

/* Displacements, and distances of neighbours, average a third of the range; no bit of the
   index is correlated with the same bit of the value. */
static void test_no_structure(void **state)
{
    (void)state;
    const uint64_t counts[] = {4096, 20000, 74979};
    for (size_t c = 0; c < LENGTH(counts); c++) {
        struct sampler sampler;
        sampler_init(&sampler, 3, 9, counts[c]);
        double n = (double)counts[c], moved = 0, step = 0;
        int bit_same[12] = {0};
        uint64_t fixed = 0;
        for (uint64_t i = 0; i < counts[c]; i++) {
            uint64_t at = sampler_at(&sampler, i);
            moved += distance(at, i);
            step += distance(at, sampler_at(&sampler, i ? i - 1 : counts[c] - 1));
            fixed += at == i;
            for (int b = 0; b < 12; b++)
                bit_same[b] += ((at ^ i) >> b & 1) == 0;
        }
        assert_true(moved / n > 0.32 * n && moved / n < 0.347 * n);
        assert_true(step / n > 0.32 * n && step / n < 0.347 * n);
        assert_in_range(fixed, 0, 6);
        for (int b = 0; b < 12; b++)
            assert_true(bit_same[b] > 0.465 * n && bit_same[b] < 0.535 * n);
    }
}

/* How often each value is at each position, over many epochs: chi-square against equal
   frequencies, (count - 1)^2 degrees of freedom; the bound is mean + 5 deviations. */
static void check_positions(uint64_t count)
{
    enum { EPOCHS = 20000, MOST = 26 };
    int tally[MOST][MOST] = {{0}};
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        struct sampler sampler;
        sampler_init(&sampler, 77, epoch, count);
        for (uint64_t i = 0; i < count; i++)
            tally[i][sampler_at(&sampler, i)]++;
    }
    double expected = (double)EPOCHS / (double)count, chi = 0;
    for (uint64_t i = 0; i < count; i++)
        for (uint64_t j = 0; j < count; j++)
            chi += (tally[i][j] - expected) * (tally[i][j] - expected) / expected;
    double freedom = (double)((count - 1) * (count - 1));
    assert_true(chi < freedom || (chi - freedom) * (chi - freedom) < 25 * 2 * freedom);
}

static void test_positions_are_uniform(void **state)
{
    (void)state;
    const uint64_t counts[] = {2, 3, 4, 5, 7, 10, 26};
    for (size_t c = 0; c < LENGTH(counts); c++)
        check_positions(counts[c]);
}

/* Each of the 120 orders of five samples occurs about equally often. (Not exactly: a
   Feistel network on 4 bits or more is an even permutation.) */
static void test_small_orders_all_occur(void **state)
{
    (void)state;
    enum { EPOCHS = 60000, SHARE = EPOCHS / 120 };
    int tally[5 * 5 * 5 * 5] = {0}; /* the fifth follows from four */
    for (uint32_t epoch = 0; epoch < EPOCHS; epoch++) {
        struct sampler sampler;
        sampler_init(&sampler, 8, epoch, 5);
        size_t code = 0;
        for (uint64_t i = 0; i < 4; i++)
            code = code * 5 + sampler_at(&sampler, i);
        tally[code]++;
    }
    int orders = 0;
    for (size_t i = 0; i < LENGTH(tally); i++)
        if (tally[i] > 0) {
            orders++;
            assert_in_range(tally[i], SHARE * 2 / 3, SHARE * 4 / 3);
        }
    assert_int_equal(orders, 120);
}

static int compare_u64(const void *a, const void *b)
{
    uint64_t x, y;
    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

/* Too many to visit: values are in range, distinct, and spread over the range. */
static void test_huge_counts(void **state)
{
    (void)state;
    enum { TRIES = 50000 };
    const uint64_t counts[] = {UINT64_C(1) << 32, (UINT64_C(1) << 32) + 1,
                               (UINT64_C(1) << 40) + 3, UINT64_C(1) << 63, UINT64_MAX};
    static uint64_t value[TRIES];
    for (size_t c = 0; c < LENGTH(counts); c++) {
        struct sampler sampler;
        sampler_init(&sampler, 12, 34, counts[c]);
        double mean = 0;
        for (uint64_t i = 0; i < TRIES; i++) {
            uint64_t index = i % 2 ? i : counts[c] - 1 - i;
            value[i] = sampler_at(&sampler, index);
            assert_true(value[i] < counts[c]);
            mean += (double)value[i] / (double)counts[c] / TRIES;
        }
        assert_true(mean > 0.49 && mean < 0.51);
        qsort(value, TRIES, sizeof(value[0]), compare_u64);
        for (size_t i = 1; i < TRIES; i++)
            assert_true(value[i - 1] < value[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bijection),
        cmocka_unit_test(test_stateless),
        cmocka_unit_test(test_orders_differ),
        cmocka_unit_test(test_no_structure),
        cmocka_unit_test(test_positions_are_uniform),
        cmocka_unit_test(test_small_orders_all_occur),
        cmocka_unit_test(test_huge_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
