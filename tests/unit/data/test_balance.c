/* Balanced orders: how often classes and samples come, and what the order depends on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "data/balance.h"

enum { CLASSES = 7, EPOCHS = 5, MOST = 256 };

/* Two classes have no samples, one has a single one. */
static const size_t sizes[CLASSES] = {100, 0, 31, 1, 0, 9, 4};
enum { COUNT = 145, PRESENT = 5 };

static uint16_t labels[COUNT];

/* Classes are interleaved in the file. */
static int setup(void **state)
{
    (void)state;
    size_t left[CLASSES];
    memcpy(left, sizes, sizeof left);
    for (size_t i = 0, c = 0; i < COUNT; c = (c + 3) % CLASSES)
        if (left[c] > 0) {
            left[c]--;
            labels[i++] = (uint16_t)c;
        }
    return 0;
}

static struct balance balance_of(uint64_t seed)
{
    struct balance balance;
    balance_init(&balance, seed, labels, COUNT, CLASSES);
    assert_int_equal(balance.classes, PRESENT);
    return balance;
}

/* Among any COUNT draws in a row, as those of an epoch, every class comes 29 times. Among
   any number of them, equally often up to one. */
static void check_classes(uint64_t first, uint64_t draws)
{
    struct balance balance = balance_of(3);
    size_t times[CLASSES] = {0};
    uint64_t pass;
    for (uint64_t d = first; d < first + draws; d++)
        times[labels[balance_at(&balance, d, &pass)]]++;
    for (int c = 0; c < CLASSES; c++)
        if (sizes[c] > 0)
            assert_in_range(times[c], draws / PRESENT, (draws + PRESENT - 1) / PRESENT);
        else
            assert_int_equal(times[c], 0);
    balance_release(&balance);
}

static void test_classes_come_equally_often(void **state)
{
    (void)state;
    for (uint64_t first = 0; first < 700; first += 13)
        for (uint64_t draws = 1; draws < 300; draws += 12)
            check_classes(first, draws);
}

/* Sample i comes in pass 0, 1, 2 ... of its class, once in each. */
static void test_samples_come_in_turns(void **state)
{
    (void)state;
    struct balance balance = balance_of(3);
    uint64_t times[COUNT] = {0}, pass;
    for (uint64_t d = 0; d < (uint64_t)EPOCHS * COUNT; d++) {
        uint64_t sample = balance_at(&balance, d, &pass);
        assert_in_range(sample, 0, COUNT - 1);
        assert_int_equal(pass, times[sample]++);
    }
    for (int c = 0; c < CLASSES; c++) {
        uint64_t least = UINT64_MAX, most = 0;
        for (int i = 0; i < COUNT; i++) {
            if (labels[i] != c)
                continue;
            least = times[i] < least ? times[i] : least;
            most = times[i] > most ? times[i] : most;
        }
        assert_true(sizes[c] == 0 || most - least <= 1);
        if (sizes[c] > 0) /* of 145 draws */
            assert_int_equal(least, EPOCHS * COUNT / PRESENT / sizes[c]);
    }
    balance_release(&balance);
}

static void draw_all(uint64_t seed, uint64_t first, uint64_t drawn[MOST])
{
    struct balance balance = balance_of(seed);
    for (uint64_t i = 0; i < MOST; i++) {
        uint64_t pass, d = MOST - 1 - i; /* in any order */
        drawn[d] = balance_at(&balance, first + d, &pass);
    }
    balance_release(&balance);
}

static int agreements(const uint64_t *a, const uint64_t *b)
{
    int same = 0;
    for (int i = 0; i < MOST; i++)
        same += a[i] == b[i];
    return same;
}

/* The seed decides, and each pass has an order of its own. The class of one sample always
   agrees, other draws by chance. */
static void test_order(void **state)
{
    (void)state;
    uint64_t one[MOST], again[MOST], other[MOST], later[MOST];
    draw_all(3, 0, one);
    draw_all(3, 0, again);
    draw_all(4, 0, other);
    draw_all(3, 100 * PRESENT, later); /* pass 1 of the largest class begins */
    assert_memory_equal(one, again, sizeof one);
    assert_true(agreements(one, other) < MOST / 2);
    assert_true(agreements(one, later) < MOST / 2);
}

/* Far into a run. */
static void test_late_draws(void **state)
{
    (void)state;
    struct balance balance = balance_of(3);
    uint64_t d = (uint64_t)1 << 62, pass;
    for (uint64_t i = 0; i < 100; i++) {
        assert_in_range(balance_at(&balance, d + i, &pass), 0, COUNT - 1);
        assert_true(pass >= (d / PRESENT) / 100);
    }
    balance_release(&balance);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes_come_equally_often),
        cmocka_unit_test(test_samples_come_in_turns),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_late_draws),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
