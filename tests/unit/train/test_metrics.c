#include "../scratch.h"

#include <math.h>

#include "base/hash.h"
#include "io/h5file.h"
#include "train/metrics.h"

enum { CLASSES = 3 };

/* An evaluation with the given matrix. */
static void add_eval(struct metrics *metrics, const struct metrics_eval *entry,
                     const int32_t *matrix)
{
    struct confusion confusion;
    size_t n = (size_t)metrics->classes;
    confusion_init(&confusion, metrics->classes, 0);
    memcpy(confusion.matrix, matrix, n * n * sizeof *matrix);
    metrics_add_eval(metrics, entry, &confusion);
    confusion_release(&confusion);
}

static void metrics_fill(struct metrics *metrics, int trains, int evals)
{
    metrics_init(metrics, CLASSES);
    for (int i = 0; i < trains; i++) {
        struct metrics_train entry = {.step = 1ull << 60 | (uint64_t)i,
                                      .loss = 1.0 / (i + 1),
                                      .accuracy = 0.001 * i,
                                      .lr = 1e-9 * i,
                                      .grad_norm = 1e9 + i,
                                      .images_per_second = 4000.5 + i};
        metrics_add_train(metrics, &entry);
    }
    for (int i = 0; i < evals; i++) {
        struct metrics_eval entry = {
            .step = (uint64_t)i + 7, .loss = 0.1 * i, .accuracy = 1.0 - 0.01 * i};
        int32_t matrix[CLASSES * CLASSES];
        for (int j = 0; j < CLASSES * CLASSES; j++)
            matrix[j] = i * 100 + j;
        add_eval(metrics, &entry, matrix);
    }
}

static void expect_same(const struct metrics *a, const struct metrics *b)
{
    assert_int_equal(a->trains, b->trains);
    assert_int_equal(a->evals, b->evals);
    assert_int_equal(a->classes, b->classes);
    for (int i = 0; i < a->trains; i++)
        assert_memory_equal(&a->train[i], &b->train[i], sizeof a->train[i]);
    for (int i = 0; i < a->evals; i++)
        assert_memory_equal(&a->eval[i], &b->eval[i], sizeof a->eval[i]);
    assert_int_equal(a->confusions, b->confusions);
    for (int i = 0; i < a->confusions * CLASSES * CLASSES; i++)
        assert_int_equal(a->confusion[i], b->confusion[i]);
}

static uint64_t write_file(const struct metrics *metrics, const char *path)
{
    struct h5file *file;
    uint64_t hash = 5;
    assert_int_equal(h5file_create(&file, path), ST_OK);
    assert_int_equal(metrics_write(metrics, file, &hash), ST_OK);
    assert_int_equal(h5file_commit(file), ST_OK);
    h5file_close(file);
    return hash;
}

static uint64_t read_file(struct metrics *metrics, const char *path)
{
    struct h5file *file;
    uint64_t hash = 5;
    assert_int_equal(h5file_open(&file, path), ST_OK);
    assert_int_equal(metrics_read(metrics, file, &hash), ST_OK);
    h5file_close(file);
    return hash;
}

/* Images with several classes: counts of the classes alone, whatever their number, and
   the average precision. */
static void test_sets(void **state)
{
    (void)state;
    struct metrics metrics, again, other;
    struct h5file *file;
    const char *path = scratch_path("sets.h5");
    metrics_init(&metrics, CLASSES);
    metrics.sets = true;
    for (int i = 0; i < 3; i++) {
        uint64_t counts[3 * CLASSES];
        struct confusion confusion;
        struct metrics_eval entry = {.step = (uint64_t)i, .average_precision = 0.1 * i};
        for (int j = 0; j < 3 * CLASSES; j++)
            counts[j] = (uint64_t)(10 * i + j);
        counts[4] = UINT64_MAX;
        confusion_of_counts(&confusion, CLASSES, counts);
        metrics_add_eval(&metrics, &entry, &confusion);
        confusion_release(&confusion);
    }
    uint64_t hash = write_file(&metrics, path);
    metrics_init(&again, CLASSES);
    again.sets = true;
    assert_true(read_file(&again, path) == hash);
    assert_true(again.sets && again.evals == 3 && again.confusions == 3);
    for (int i = 0; i < 3; i++) {
        assert_memory_equal(&again.eval[i], &metrics.eval[i], sizeof again.eval[i]);
        for (int j = 0; j < 3 * CLASSES; j++)
            assert_int_equal(again.confusion[i * 3 * CLASSES + j],
                             j == 4 ? INT32_MAX : 10 * i + j);
    }
    assert_int_equal(h5file_open(&file, path), ST_OK);
    metrics_init(&other, CLASSES); /* of one class each: it is another kind of file */
    assert_int_equal(metrics_read(&other, file, &hash), ST_FAIL);
    expect_said("/metrics/eval/confusion");
    h5file_close(file);
    metrics_release(&metrics);
    metrics_release(&again);
    metrics_release(&other);
}

/* From no entries to more than the first allocation holds; what was read can be added
   to. */
static void test_round_trip(void **state)
{
    (void)state;
    static const int counts[] = {0, 1, 63, 64, 65, 128, 129, 300};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct metrics metrics, again, more;
        int trains = counts[i], evals = counts[7 - i];
        metrics_fill(&metrics, trains, evals);
        metrics_init(&again, CLASSES);
        uint64_t hash = write_file(&metrics, scratch_path("metrics.h5"));
        assert_true(read_file(&again, scratch_path("metrics.h5")) == hash);
        expect_same(&metrics, &again);
        metrics_fill(&more, 40, 40);
        for (int j = 0; j < 40; j++) {
            const int32_t matrix[CLASSES * CLASSES] = {0};
            metrics_add_train(&again, &more.train[j]);
            add_eval(&again, &more.eval[j], matrix);
        }
        assert_int_equal(again.trains, trains + 40);
        for (int j = 0; j < 40; j++)
            assert_memory_equal(&again.eval[evals + j], &more.eval[j],
                                sizeof more.eval[j]);
        metrics_release(&metrics);
        metrics_release(&again);
        metrics_release(&more);
    }
}

static void test_copy(void **state)
{
    (void)state;
    static const int counts[] = {0, 70, 3, 200};
    struct metrics copy;
    metrics_init(&copy, CLASSES);
    for (int i = 0; i < 4; i++) {
        struct metrics metrics;
        metrics_fill(&metrics, counts[i], counts[3 - i]);
        metrics_copy(&copy, &metrics);
        expect_same(&metrics, &copy);
        metrics_release(&metrics);
    }
    metrics_release(&copy);
}

/* With many classes, or after many evaluations, only the newest matrices are kept. */
static void test_confusions_are_bounded(void **state)
{
    (void)state;
    enum { MANY = 300, KEPT = (int)(METRICS_CONFUSION / (4 * MANY * MANY)) };
    int32_t *matrix = calloc(MANY * MANY, sizeof *matrix);
    struct metrics metrics, again;
    metrics_init(&metrics, MANY);
    metrics_init(&again, MANY);
    for (int i = 0; i < KEPT + 5; i++) {
        struct metrics_eval entry = {.step = (uint64_t)i};
        matrix[MANY * MANY - 1] = i;
        add_eval(&metrics, &entry, matrix);
    }
    uint64_t hash = write_file(&metrics, scratch_path("many.h5"));
    assert_true(read_file(&again, scratch_path("many.h5")) == hash);
    assert_int_equal(metrics.evals, KEPT + 5);
    assert_int_equal(again.evals, KEPT + 5);
    assert_int_equal(again.confusions, KEPT);
    assert_true(metrics.confusion_room <= KEPT);
    assert_int_equal(metrics_bytes(MANY), KEPT * MANY * MANY * sizeof *matrix);
    for (int i = 0; i < KEPT; i++) {
        size_t last = (size_t)(i + 1) * MANY * MANY - 1;
        assert_int_equal(metrics.confusion[last], i + 5);
        assert_int_equal(again.confusion[last], i + 5);
    }
    metrics_release(&metrics);
    metrics_release(&again);
    free(matrix);
}

/* With too many classes for a matrix: counts by class and the pairs, read back the
   same. */
static void test_many_classes(void **state)
{
    (void)state;
    enum { MANY = 5000 };
    struct metrics metrics, again;
    struct confusion confusion;
    struct h5file *file;
    metrics_init(&metrics, MANY);
    metrics_init(&again, MANY);
    for (int e = 1; e <= 20; e++) {
        confusion_init(&confusion, MANY, 1000);
        for (int i = 0; i < 1000; i++)
            confusion_add(&confusion, i * 4, i % 10 ? i * 4 : i % e);
        confusion_finish(&confusion);
        metrics_add_eval(&metrics, &(struct metrics_eval){.step = (uint64_t)e},
                         &confusion);
        if (e < 20)
            confusion_release(&confusion);
    }
    uint64_t hash = write_file(&metrics, scratch_path("classes.h5"));
    assert_true(read_file(&again, scratch_path("classes.h5")) == hash);
    size_t row = confusion_row_count(MANY);
    int kept = metrics.confusions;
    assert_in_range(kept, 2, 19);
    assert_int_equal(again.confusions, kept);
    assert_memory_equal(again.confusion, metrics.confusion,
                        (size_t)kept * row * sizeof *metrics.confusion);

    int32_t *counts = calloc((size_t)kept * 3 * MANY, sizeof *counts);
    int32_t *pairs = calloc((size_t)kept * CONFUSION_PAIRS * 3, sizeof *pairs);
    assert_int_equal(h5file_open(&file, scratch_path("classes.h5")), ST_OK);
    assert_false(h5file_has(file, "/metrics/eval/confusion"));
    assert_int_equal(h5file_read(file, "/metrics/eval/class_counts", H5FILE_I32,
                                 (size_t)kept * 3 * MANY, counts),
                     ST_OK);
    assert_int_equal(h5file_read(file, "/metrics/eval/confused_pairs", H5FILE_I32,
                                 (size_t)kept * CONFUSION_PAIRS * 3, pairs),
                     ST_OK);
    h5file_close(file);
    const int32_t *last = counts + (size_t)(kept - 1) * 3 * MANY;
    const int32_t *last_pairs = pairs + (size_t)(kept - 1) * CONFUSION_PAIRS * 3;
    assert_memory_equal(last, confusion.support, MANY * sizeof *last);
    assert_memory_equal(last + MANY, confusion.predicted, MANY * sizeof *last);
    assert_memory_equal(last + 2 * MANY, confusion.correct, MANY * sizeof *last);
    assert_true(confusion.pairs > 0 && confusion.pairs < CONFUSION_PAIRS);
    for (int i = 0; i < 3 * confusion.pairs; i++)
        assert_int_equal(last_pairs[i], ((const int32_t *)confusion.pair)[i]);
    for (int i = 3 * confusion.pairs; i < 3 * CONFUSION_PAIRS; i++)
        assert_int_equal(last_pairs[i], 0);
    confusion_release(&confusion);
    metrics_release(&metrics);
    metrics_release(&again);
    free(counts);
    free(pairs);
}

/* A file of an earlier version has matrices for many classes too: they enter the hash,
   and nothing is kept of them. */
static void test_old_many_classes(void **state)
{
    (void)state;
    enum { MANY = CONFUSION_CLASSES + 1, TRAIN_EVAL_COLUMNS = 9 };
    static const char *const names[TRAIN_EVAL_COLUMNS] = {
        "train/step", "train/loss",      "train/accuracy",
        "train/lr",   "train/grad_norm", "train/images_per_second",
        "eval/step",  "eval/loss",       "eval/accuracy",
    };
    size_t count = (size_t)MANY * MANY;
    int32_t *matrix = calloc(count, sizeof *matrix);
    struct metrics metrics;
    struct h5file *file;
    uint64_t hash = 5, value = 0;
    matrix[7] = 3;
    assert_int_equal(h5file_create(&file, scratch_path("old.h5")), ST_OK);
    for (int c = 0; c < TRAIN_EVAL_COLUMNS; c++) {
        char path[64];
        bool step = c % 6 == 0;
        snprintf(path, sizeof path, "/metrics/%s", names[c]);
        value = step ? 9 : 0;
        hash = hash_bytes(&value, sizeof value, hash);
        assert_int_equal(h5file_write(file, path, step ? H5FILE_U64 : H5FILE_F64, 1,
                                      (size_t[]){1}, &value),
                         ST_OK);
    }
    hash = hash_bytes(matrix, count * sizeof *matrix, hash);
    assert_int_equal(h5file_write(file, "/metrics/eval/confusion", H5FILE_I32, 3,
                                  (size_t[]){1, MANY, MANY}, matrix),
                     ST_OK);
    assert_int_equal(h5file_commit(file), ST_OK);
    h5file_close(file);
    metrics_init(&metrics, MANY);
    assert_true(read_file(&metrics, scratch_path("old.h5")) == hash);
    assert_int_equal(metrics.trains, 1);
    assert_int_equal(metrics.evals, 1);
    assert_int_equal(metrics.eval[0].step, 9);
    assert_int_equal(metrics.confusions, 0);
    metrics_release(&metrics);
    free(matrix);
}

/* Reading replaces what was there. */
static void test_read_replaces(void **state)
{
    (void)state;
    struct metrics few, many;
    metrics_fill(&few, 2, 1);
    metrics_fill(&many, 100, 100);
    write_file(&few, scratch_path("few.h5"));
    read_file(&many, scratch_path("few.h5"));
    expect_same(&few, &many);
    metrics_release(&few);
    metrics_release(&many);
}

static void test_hash_sees_values(void **state)
{
    (void)state;
    struct metrics metrics;
    metrics_fill(&metrics, 5, 5);
    uint64_t hash = write_file(&metrics, scratch_path("a.h5"));
    assert_true(write_file(&metrics, scratch_path("b.h5")) == hash);
    metrics.train[3].lr += 1e-15;
    uint64_t other = write_file(&metrics, scratch_path("a.h5"));
    assert_true(other != hash);
    metrics.confusion[4]++;
    assert_true(write_file(&metrics, scratch_path("a.h5")) != other);
    metrics_release(&metrics);
}

static void test_save(void **state)
{
    (void)state;
    struct metrics metrics, again;
    struct h5file *file;
    char *format;
    metrics_fill(&metrics, 3, 2);
    assert_int_equal(metrics_save(&metrics, scratch_path("saved.h5")), ST_OK);
    metrics_init(&again, CLASSES);
    read_file(&again, scratch_path("saved.h5"));
    expect_same(&metrics, &again);
    assert_int_equal(h5file_open(&file, scratch_path("saved.h5")), ST_OK);
    assert_int_equal(h5file_get_text(file, "/", "format", &format), ST_OK);
    assert_string_equal(format, METRICS_FORMAT);
    free(format);
    h5file_close(file);
    assert_int_equal(metrics_save(&metrics, scratch_path("no/such/saved.h5")), ST_FAIL);
    expect_said("no/such/saved.h5");
    assert_int_equal(scratch_count("saved.h5"), 1); /* and no temporary file */
    metrics_release(&metrics);
    metrics_release(&again);
}

static void test_refused(void **state)
{
    (void)state;
    struct metrics metrics, other;
    struct h5file *file;
    uint64_t hash = 0;
    metrics_fill(&metrics, 3, 2);
    write_file(&metrics, scratch_path("three.h5"));
    metrics_init(&other, CLASSES + 1);
    assert_int_equal(h5file_open(&file, scratch_path("three.h5")), ST_OK);
    assert_int_equal(metrics_read(&other, file, &hash), ST_FAIL);
    expect_said("three.h5': '/metrics/eval/confusion' is not for 4 classes");
    h5file_close(file);
    assert_int_equal(h5file_create(&file, scratch_path("uneven.h5")), ST_OK);
    assert_int_equal(h5file_write(file, "/metrics/train/step", H5FILE_U64, 1,
                                  (size_t[]){2}, (uint64_t[]){1, 2}),
                     ST_OK);
    assert_int_equal(h5file_write(file, "/metrics/train/loss", H5FILE_F64, 1,
                                  (size_t[]){1}, (double[]){1}),
                     ST_OK);
    assert_int_equal(
        h5file_write(file, "/metrics/eval/step", H5FILE_U64, 1, (size_t[]){0}, &hash),
        ST_OK);
    assert_int_equal(h5file_write(file, "/metrics/eval/confusion", H5FILE_I32, 3,
                                  (size_t[]){0, CLASSES, CLASSES}, &hash),
                     ST_OK);
    assert_int_equal(h5file_commit(file), ST_OK);
    h5file_close(file);
    assert_int_equal(h5file_open(&file, scratch_path("uneven.h5")), ST_OK);
    assert_int_equal(metrics_read(&metrics, file, &hash), ST_FAIL);
    expect_said("has 1 elements and not 2");
    h5file_close(file);
    metrics_release(&metrics);
    metrics_release(&other);
}

static void expect_table(const struct metrics *metrics, const char *wanted)
{
    size_t bytes;
    const struct metrics_table table = {4, "val"};
    const char *path = scratch_path("metrics.csv");
    assert_int_equal(metrics_save_table(metrics, &table, path), ST_OK);
    char *text = scratch_read(path, &bytes);
    assert_string_equal(text, wanted);
    free(text);
}

/* A row for each step that has a line, an evaluation or both. */
static void test_table(void **unused)
{
    (void)unused;
    static const char head[] = "step,epoch,train_loss,train_accuracy,lr,grad_norm,"
                               "images_per_second,eval_split,val_loss,val_accuracy\n";
    static const int32_t matrix[CLASSES * CLASSES] = {0};
    struct metrics metrics;
    char wanted[1024];
    metrics_init(&metrics, CLASSES);
    expect_table(&metrics, head);
    metrics_add_train(&metrics, &(struct metrics_train){2, 0.5, 0.25, 0.1, 3, 1000});
    metrics_add_train(&metrics, &(struct metrics_train){4, 1.0 / 3, 1, 1e-9, 1e20, 7.5});
    add_eval(&metrics, &(struct metrics_eval){4, 0.125, 0.75, 0}, matrix);
    add_eval(&metrics, &(struct metrics_eval){6, -NAN, 0, 0}, matrix);
    metrics_add_train(&metrics, &(struct metrics_train){8, 0, 0, 0, 0, 0});
    snprintf(wanted, sizeof wanted,
             "%s2,0.5,0.5,0.25,0.1,3,1000,,,\n"
             "4,1,0.3333333333333333,1,1e-09,1e+20,7.5,val,0.125,0.75\n"
             "6,1.5,,,,,,val,nan,0\n"
             "8,2,0,0,0,0,0,,,\n",
             head);
    expect_table(&metrics, wanted);
    metrics_release(&metrics);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_copy),
        cmocka_unit_test(test_confusions_are_bounded),
        cmocka_unit_test(test_many_classes),
        cmocka_unit_test(test_old_many_classes),
        cmocka_unit_test(test_read_replaces),
        cmocka_unit_test(test_hash_sees_values),
        cmocka_unit_test(test_save),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
