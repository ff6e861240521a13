/* Multi-label data sets: images with several classes, or none. */
#include <stdlib.h>
#include <string.h>

#include "../scratch.h"
#include "base/label_set.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "data/dataset.h"
#include "data/dataset_verify.h"
#include "data/dataset_writer.h"
#include "data/export.h"
#include "io/h5file.h"

enum { H = 3, W = 4, CLASSES = 11, BYTES = 2 };

static struct comm *comm;
static char names[CLASSES][4];
static char *name[CLASSES];

/* Image i has class c if i is a multiple of c + 2: those of number 1 and other primes
   from 13 on have none. */
static void set_of(size_t i, uint8_t set[BYTES])
{
    memset(set, 0, BYTES);
    for (int c = 0; c < CLASSES; c++)
        if (i % (size_t)(c + 2) == 0)
            label_set_add(set, c);
}

static enum status write_set(const char *path, size_t train, size_t test, uint8_t change)
{
    struct dataset_recipe recipe = {.shape = {H, W, 1},
                                    .classes = CLASSES,
                                    .class_name = name,
                                    .source = "a test",
                                    .most = {train, 0, test},
                                    .multi_label = true};
    struct dataset_writer *writer;
    for (int c = 0; c < CLASSES; c++) {
        snprintf(names[c], sizeof names[c], "n%d", c);
        name[c] = names[c];
    }
    TRY(dataset_writer_open(&writer, path, &recipe));
    for (size_t i = 0; i < train + test; i++) {
        uint8_t pixels[H * W], set[BYTES];
        for (int p = 0; p < H * W; p++)
            pixels[p] = (uint8_t)(i * 5 + (size_t)p);
        set_of(i, set);
        if (i == 3)
            set[1] ^= change;
        const struct dataset_item item = {.pixels = pixels, .set = set};
        assert_int_equal(
            dataset_writer_put(writer, i < train ? DATASET_TRAIN : DATASET_TEST, &item),
            ST_OK);
    }
    return dataset_writer_finish(writer, false);
}

static void test_bits(void **state)
{
    (void)state;
    uint8_t set[3] = {0};
    assert_int_equal(label_set_bytes(8), 1);
    assert_int_equal(label_set_bytes(9), 2);
    assert_int_equal(label_set_next(set, 20, 0), -1);
    label_set_add(set, 3);
    label_set_add(set, 17);
    assert_int_equal(set[0], 8);
    assert_int_equal(set[2], 2);
    assert_true(label_set_has(set, 17) && !label_set_has(set, 16));
    assert_int_equal(label_set_next(set, 20, 0), 3);
    assert_int_equal(label_set_next(set, 20, 4), 17);
    assert_int_equal(label_set_next(set, 20, 18), -1);
    assert_int_equal(label_set_next(set, 17, 4), -1);
}

/* What was written is there, in the file and in the memory of an open set. */
static void test_round_trip(void **state)
{
    (void)state;
    const char *path = scratch_path("sets.h5");
    struct dataset_info info;
    struct dataset_labels labels;
    uint64_t hash;
    assert_int_equal(write_set(path, 100, 40, 0), ST_OK);
    assert_int_equal(dataset_info_read(&info, path), ST_OK);
    assert_true(info.multi_label && info.classes == CLASSES && info.hash_known);
    assert_int_equal(dataset_hash_file(&info, &hash, NULL), ST_OK);
    assert_true(hash == info.hash);
    assert_int_equal(dataset_read_labels(&info, DATASET_TEST, 5, 30, &labels), ST_OK);
    assert_null(labels.one);
    for (size_t i = 0; i < 30; i++) {
        uint8_t set[BYTES];
        set_of(100 + 5 + i, set);
        assert_memory_equal(labels.set + i * BYTES, set, BYTES);
        for (int c = 0, next = 0; c < CLASSES; c++) {
            next = dataset_labels_next(&labels, i, CLASSES, c);
            assert_true((next == c) == label_set_has(set, c));
        }
    }
    dataset_labels_release(&labels);
    dataset_info_release(&info);
    for (int disk = 0; disk < 2; disk++) {
        struct dataset set;
        const bool want[DATASET_SPLITS] = {true, false, true};
        const struct dataset_use use = {.on_disk = disk};
        assert_int_equal(dataset_open(&set, comm, path, want, &use), ST_OK);
        for (size_t i = 0; i < 140; i++) {
            uint8_t wanted[BYTES];
            enum dataset_split split = i < 100 ? DATASET_TRAIN : DATASET_TEST;
            set_of(i, wanted);
            assert_memory_equal(dataset_label_set(&set, split, i % 100), wanted, BYTES);
        }
        assert_false(dataset_is_uniform(&set, DATASET_TRAIN));
        dataset_close(&set);
    }
}

/* The hash covers the sets; so do those of the images. */
static void test_hashes(void **state)
{
    (void)state;
    struct dataset_info a, b;
    struct dataset_damage damage[DATASET_SPLITS];
    struct dataset_rehash found;
    struct h5file *file;
    uint64_t hash;
    uint8_t sets[100 * BYTES];
    const char *path = scratch_path("b.h5");
    assert_int_equal(write_set(scratch_path("a.h5"), 100, 40, 0), ST_OK);
    assert_int_equal(write_set(path, 100, 40, 1), ST_OK);
    assert_int_equal(dataset_info_read(&a, scratch_path("a.h5")), ST_OK);
    assert_int_equal(dataset_info_read(&b, path), ST_OK);
    assert_true(a.hash != b.hash);
    /* The set of another image is changed in the file. */
    assert_int_equal(h5file_edit(&file, path), ST_OK);
    assert_int_equal(h5file_read(file, "/train/labels", H5FILE_U8, 100 * BYTES, sets),
                     ST_OK);
    sets[7 * BYTES] ^= 4;
    assert_int_equal(h5file_remove(file, "/train/labels"), ST_OK);
    assert_int_equal(
        h5file_write(file, "/train/labels", H5FILE_U8, 2, (size_t[]){100, BYTES}, sets),
        ST_OK);
    assert_int_equal(h5file_commit(file), ST_OK);
    h5file_close(file);
    assert_int_equal(dataset_hash_file(&b, &hash, damage), ST_OK);
    assert_true(hash != b.hash);
    assert_int_equal(damage[DATASET_TRAIN].count, 1);
    assert_int_equal(damage[DATASET_TRAIN].first, 7);
    assert_int_equal(dataset_rehash(&b, &found), ST_OK);
    assert_true(found.images && found.content && !found.head);
    dataset_info_release(&b);
    assert_int_equal(dataset_info_read(&b, path), ST_OK);
    assert_true(b.hash == hash && b.multi_label);
    assert_int_equal(dataset_hash_file(&b, &hash, damage), ST_OK);
    assert_int_equal(damage[DATASET_TRAIN].count, 0);
    dataset_info_release(&a);
    dataset_info_release(&b);
}

/* A tenth of those whose rarest class it is, of every class, and of those without any. */
static void test_split(void **state)
{
    (void)state;
    const char *path = scratch_path("split.h5");
    struct dataset_info info;
    struct dataset_labels labels;
    size_t moved, none = 0, of[CLASSES] = {0};
    assert_int_equal(write_set(path, 600, 10, 0), ST_OK);
    assert_int_equal(dataset_info_read(&info, path), ST_OK);
    assert_int_equal(dataset_split_val(&info, 0.1, 3, &moved), ST_OK);
    dataset_info_release(&info);
    assert_int_equal(dataset_info_read(&info, path), ST_OK);
    assert_true(info.multi_label);
    assert_int_equal(info.count[DATASET_VAL], moved);
    assert_int_equal(dataset_read_labels(&info, DATASET_VAL, 0, moved, &labels), ST_OK);
    for (size_t i = 0; i < moved; i++) {
        none += dataset_labels_next(&labels, i, CLASSES, 0) < 0;
        for (int c = 0; (c = dataset_labels_next(&labels, i, CLASSES, c)) >= 0; c++)
            of[c]++;
    }
    dataset_labels_release(&labels);
    assert_in_range(moved, 55, 65);
    assert_in_range(none, 10, 15); /* of 125 */
    for (int c = 0; c < CLASSES; c++) {
        size_t all = 600 / (size_t)(c + 2);
        assert_in_range(of[c], all / 20, all / 5);
    }
    dataset_info_release(&info);
}

static void rewrite_labels(const char *path, const char *array, int ndims, size_t rows,
                           size_t bytes, uint8_t value)
{
    struct h5file *file;
    uint8_t *sets = mem_zeroed(rows, bytes);
    memset(sets, value, rows * bytes);
    assert_int_equal(h5file_edit(&file, path), ST_OK);
    assert_int_equal(h5file_remove(file, array), ST_OK);
    assert_int_equal(
        h5file_write(file, array, H5FILE_U8, ndims, (size_t[]){rows, bytes}, sets),
        ST_OK);
    assert_int_equal(h5file_commit(file), ST_OK);
    h5file_close(file);
    free(sets);
}

static void expect_refused(const char *path, const char *said)
{
    struct dataset_info info;
    assert_int_equal(dataset_info_read(&info, path), ST_FAIL);
    expect_said(said);
}

static void test_bad_files(void **state)
{
    (void)state;
    const char *path = scratch_path("bad.h5");
    struct dataset_info info;
    struct dataset_labels labels;
    assert_int_equal(write_set(path, 100, 40, 0), ST_OK);
    rewrite_labels(path, "/train/labels", 2, 100, 3, 0);
    expect_refused(path, "has 3 bytes for each image; the bits of 11 classes are 2");
    rewrite_labels(path, "/train/labels", 2, 99, 2, 0);
    expect_refused(path, "holds 100 train images but 99 labels");
    rewrite_labels(path, "/train/labels", 1, 100, 1, 0);
    expect_refused(path, "'/test/labels' in");
    rewrite_labels(path, "/train/labels", 2, 100, 2, 9); /* bit 11 is no class */
    assert_int_equal(dataset_info_read(&info, path), ST_OK);
    assert_int_equal(dataset_read_labels(&info, DATASET_TRAIN, 10, 5, &labels), ST_FAIL);
    expect_said("'/train/labels' row 10 of");
    dataset_info_release(&info);
}

static void test_empty_classes(void **state)
{
    (void)state;
    assert_int_equal(write_set(scratch_path("few.h5"), 1, 0, 0), ST_OK);
    assert_int_equal(write_set(scratch_path("fewer.h5"), 0, 0, 0), ST_FAIL);
    expect_said("there are no training images in a test");
}

/* Names that a list cannot hold. */
static void test_export_refuses(void **state)
{
    (void)state;
    struct dataset_info info;
    size_t written;
    assert_int_equal(write_set(scratch_path("names.h5"), 100, 4, 0), ST_OK);
    assert_int_equal(dataset_info_read(&info, scratch_path("names.h5")), ST_OK);
    info.class_name[2][1] = ';';
    info.trusted = true;
    assert_int_equal(export_images(&info, scratch_path("export"), &written), ST_USAGE);
    expect_said("class 'n;' of");
    assert_false(fs_is_folder(scratch_path("export")));
    dataset_info_release(&info);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bits),          cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_hashes),        cmocka_unit_test(test_split),
        cmocka_unit_test(test_bad_files),     cmocka_unit_test(test_empty_classes),
        cmocka_unit_test(test_export_refuses)};
    comm = comm_start(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
    comm_finish(comm);
    return failed;
}
