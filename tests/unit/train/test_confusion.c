#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "train/confusion.h"

enum { SAMPLES = 20000 };

/* Labels and answers of a classifier that is right half of the time, and that takes few
   of the classes for others. */
static void draw(int classes, int *label, int *predicted)
{
    struct rng rng;
    rng_init(&rng, 3, RNG_TEST, (uint32_t)classes, 0);
    for (int i = 0; i < SAMPLES; i++) {
        label[i] = (int)rng_below(&rng, (uint32_t)classes);
        uint32_t other = rng_below(&rng, 40);
        predicted[i] = other < 20 ? label[i]
                       : other < 39
                           ? (label[i] % 7 * (classes / 7) + (int)other) % classes
                           : (int)rng_below(&rng, (uint32_t)classes);
    }
}

static void count(struct confusion *confusion, int classes, const int *label,
                  const int *predicted, int first, int step)
{
    confusion_init(confusion, classes, SAMPLES);
    for (int i = 0, at = first; i < SAMPLES; i++, at = (at + step) % SAMPLES)
        confusion_add(confusion, label[at], predicted[at]);
    confusion_finish(confusion);
}

static int times(int label_wanted, int predicted_wanted, const int *label,
                 const int *predicted)
{
    int n = 0;
    for (int i = 0; i < SAMPLES; i++)
        n += label[i] == label_wanted && predicted[i] == predicted_wanted;
    return n;
}

static void expect_same(const struct confusion *a, const struct confusion *b)
{
    size_t n = (size_t)a->classes * sizeof(int32_t);
    assert_memory_equal(a->support, b->support, n);
    assert_memory_equal(a->predicted, b->predicted, n);
    assert_memory_equal(a->correct, b->correct, n);
    assert_int_equal(a->pairs, b->pairs);
    assert_memory_equal(a->pair, b->pair, (size_t)a->pairs * sizeof *a->pair);
}

/* Pairs are sorted, their counts are right, and nothing depends on the order of
   samples. */
static void check_classes(int classes)
{
    int *label = calloc(SAMPLES, sizeof *label);
    int *predicted = calloc(SAMPLES, sizeof *predicted);
    struct confusion confusion, other;
    draw(classes, label, predicted);
    count(&confusion, classes, label, predicted, 0, 1);
    count(&other, classes, label, predicted, 777, 7001); /* 7001 is coprime to 20000 */
    expect_same(&confusion, &other);
    assert_int_equal(confusion.matrix != NULL, classes <= CONFUSION_CLASSES);
    int64_t support = 0, answers = 0;
    for (int c = 0; c < classes; c++) {
        support += confusion.support[c];
        answers += confusion.predicted[c];
        assert_true(confusion.correct[c] <= confusion.support[c]);
    }
    assert_int_equal(support, SAMPLES);
    assert_int_equal(answers, SAMPLES);
    assert_in_range(confusion.pairs, 6, CONFUSION_PAIRS);
    for (int i = 0; i < confusion.pairs; i++) {
        const struct confusion_pair *pair = &confusion.pair[i];
        assert_int_not_equal(pair->label, pair->predicted);
        if (i < 20)
            assert_int_equal(pair->count,
                             times(pair->label, pair->predicted, label, predicted));
        if (i > 0)
            assert_true(pair[-1].count > pair->count ||
                        (pair[-1].count == pair->count &&
                         (pair[-1].label < pair->label ||
                          (pair[-1].label == pair->label &&
                           pair[-1].predicted < pair->predicted))));
    }
    for (int i = 0; i < SAMPLES && confusion.pairs < CONFUSION_PAIRS; i++) {
        bool listed = label[i] == predicted[i];
        for (int p = 0; p < confusion.pairs; p++)
            listed = listed || (confusion.pair[p].label == label[i] &&
                                confusion.pair[p].predicted == predicted[i]);
        assert_true(listed);
    }
    confusion_release(&confusion);
    confusion_release(&other);
    free(label);
    free(predicted);
}

static void test_numbers_of_classes(void **state)
{
    (void)state;
    static const int classes[] = {
        26, CONFUSION_CLASSES, CONFUSION_CLASSES + 1, 5000, 50000, 65536};
    for (size_t i = 0; i < sizeof classes / sizeof classes[0]; i++)
        check_classes(classes[i]);
}

/* With a matrix and without one the same pairs come out. */
static void test_matrix_and_answers_agree(void **state)
{
    (void)state;
    int *label = calloc(SAMPLES, sizeof *label);
    int *predicted = calloc(SAMPLES, sizeof *predicted);
    struct confusion with, without;
    draw(4000, label, predicted);
    count(&with, 4000, label, predicted, 0, 1);
    count(&without, 50000, label, predicted, 0, 1);
    assert_int_equal(with.pairs, without.pairs);
    assert_memory_equal(with.pair, without.pair, (size_t)with.pairs * sizeof *with.pair);
    confusion_release(&with);
    confusion_release(&without);
    free(label);
    free(predicted);
}

static void test_row(void **state)
{
    (void)state;
    struct confusion confusion;
    int32_t row[4];
    confusion_init(&confusion, 2, 3);
    confusion_add(&confusion, 0, 0);
    confusion_add(&confusion, 1, 0);
    confusion_add(&confusion, 1, 0);
    confusion_finish(&confusion);
    assert_int_equal(confusion_row_count(2), 4);
    confusion_row(&confusion, row);
    assert_memory_equal(row, ((int32_t[]){1, 0, 2, 0}), sizeof row);
    assert_int_equal(confusion.pairs, 1);
    assert_int_equal(confusion.pair[0].count, 2);
    confusion_release(&confusion);
    confusion_release(&confusion); /* released is empty */
}

static void test_counts_do_not_overflow(void **state)
{
    (void)state;
    struct confusion confusion;
    confusion_init(&confusion, 2, 2);
    confusion.matrix[1] = confusion.support[0] = INT32_MAX;
    confusion_add(&confusion, 0, 1);
    assert_int_equal(confusion.matrix[1], INT32_MAX);
    assert_int_equal(confusion.support[0], INT32_MAX);
    assert_int_equal(confusion.predicted[1], 1);
    confusion_release(&confusion);
}

/* What the memory check counts grows with the classes, but not as their square. */
static void test_bytes(void **state)
{
    (void)state;
    assert_true(confusion_bytes(CONFUSION_CLASSES, 1000) >=
                sizeof(int32_t) * CONFUSION_CLASSES * CONFUSION_CLASSES);
    assert_true(confusion_bytes(65536, 1000) < 1 << 20);
    assert_true(confusion_bytes(65536, 1 << 20) < 32 << 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_of_classes),
        cmocka_unit_test(test_matrix_and_answers_agree),
        cmocka_unit_test(test_row),
        cmocka_unit_test(test_counts_do_not_overflow),
        cmocka_unit_test(test_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
