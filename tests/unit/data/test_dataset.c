/* Also runs on several ranks: rank 0 writes the files, all ranks read them. */
#include "../scratch.h"

#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "comm/comm.h"
#include "data/dataset_verify.h"
#include "data/dataset_writer.h"
#include "io/h5file.h"

#define H 5
#define W 4

static struct comm *comm;

/* All ranks use the folder of rank 0. */
static int setup(void **state)
{
    if (comm_rank(comm) == 0 && scratch_setup(state) != 0)
        return -1;
    comm_bcast(comm, scratch_folder, sizeof scratch_folder, 0);
    return 0;
}

static int teardown(void **state)
{
    comm_barrier(comm);
    return comm_rank(comm) == 0 ? scratch_teardown(state) : 0;
}

static bool first_rank(void)
{
    return comm_rank(comm) == 0;
}

static void expect_said_by_first(const char *text)
{
    if (first_rank())
        expect_said(text);
}

/* Pixel values and labels that differ from sample to sample. */
static struct dataset_builder build(size_t train, size_t test, int classes)
{
    struct dataset_builder b = {.h = H, .w = W, .classes = classes};
    b.count[DATASET_TRAIN] = train;
    b.count[DATASET_TEST] = test;
    b.source = mem_strdup("a test");
    b.class_name = mem_zeroed((size_t)classes, sizeof *b.class_name);
    for (int i = 0; i < classes; i++)
        b.class_name[i] = mem_format("class %d", i);
    struct rng rng;
    rng_init(&rng, 1, RNG_TEST, 0, train);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        b.images[s] = mem_zeroed(b.count[s], H * W);
        b.labels[s] = mem_zeroed(b.count[s], sizeof(uint16_t));
        for (size_t i = 0; i < b.count[s] * H * W; i++)
            b.images[s][i] = (uint8_t)rng_below(&rng, 256);
        for (size_t i = 0; i < b.count[s]; i++)
            b.labels[s][i] = (uint16_t)(i % (size_t)classes);
    }
    return b;
}

/* Collective: rank 0 writes. */
static void write_set(const struct dataset_builder *b, const char *name)
{
    enum status st = ST_OK;
    if (first_rank())
        st = dataset_write(b, scratch_path(name), false);
    assert_int_equal(comm_agree(comm, st), ST_OK);
}

static enum status open_splits(struct dataset *set, const char *path, bool train,
                               bool test, size_t limit)
{
    const bool want[DATASET_SPLITS] = {[DATASET_TRAIN] = train, [DATASET_TEST] = test};
    return dataset_open(set, comm, path, want,
                        &(struct dataset_use){.memory_limit = limit});
}

static void expect_content(const struct dataset_builder *b, const char *path,
                           size_t limit)
{
    struct dataset set;
    assert_int_equal(open_splits(&set, path, true, true, limit), ST_OK);
    if (limit > 1)
        assert_true(dataset_resident(&set, DATASET_TRAIN));
    for (int s = 0; s < DATASET_SPLITS; s++) {
        assert_int_equal(set.info.count[s], b->count[s]);
        if (!set.store[s])
            continue;
        for (size_t i = 0; i < b->count[s]; i++)
            assert_int_equal(dataset_label(&set, s, i), b->labels[s][i]);
        for (size_t i = 0; dataset_resident(&set, s) && i < b->count[s]; i++)
            assert_memory_equal(dataset_image(&set, s, i), b->images[s] + i * H * W,
                                H * W);
    }
    dataset_close(&set);
}

static void test_round_trip(void **state)
{
    (void)state;
    const int classes[] = {2, 26, 256, 300, 1000};
    for (size_t i = 0; i < 5; i++) {
        struct dataset_builder b = build(2100, 37, classes[i]);
        write_set(&b, "set.h5");
        expect_content(&b, scratch_path("set.h5"), 1 << 30);
        expect_content(&b, scratch_path("set.h5"), 0);
        comm_barrier(comm);
        dataset_builder_release(&b);
    }
}

static void test_info(void **state)
{
    (void)state;
    struct dataset_builder b = build(1000, 10, 3);
    write_set(&b, "info.h5");
    struct dataset_info info;
    assert_int_equal(dataset_info_read(&info, scratch_path("info.h5")), ST_OK);
    assert_string_equal(info.source, "a test");
    assert_int_equal(info.classes, 3);
    assert_string_equal(info.class_name[2], "class 2");
    assert_int_equal(info.shape.h, H);
    assert_int_equal(info.shape.w, W);
    double sum = 0, squares = 0, n = 1000 * H * W;
    for (int i = 0; i < 1000 * H * W; i++) {
        double x = b.images[DATASET_TRAIN][i] / 255.0;
        sum += x;
        squares += x * x;
    }
    assert_true(fabs(info.mean[0] - sum / n) < 1e-12);
    assert_true(fabs(info.std[0] - sqrt(squares / n - sum / n * sum / n)) < 1e-12);
    dataset_info_release(&info);
    dataset_builder_release(&b);
}

/* Every rank gets the same numbers, though only rank 0 reads them from the file. */
static void test_every_rank_knows_the_same(void **state)
{
    (void)state;
    struct dataset_builder b = build(100, 10, 26);
    write_set(&b, "known.h5");
    struct dataset set;
    assert_int_equal(open_splits(&set, scratch_path("known.h5"), false, true, 0), ST_OK);
    assert_null(set.store[DATASET_TRAIN]);
    assert_int_equal(set.info.classes, 26);
    assert_string_equal(set.info.class_name[25], "class 25");
    assert_string_equal(set.info.source, "a test");
    assert_string_equal(set.info.path, scratch_path("known.h5"));
    assert_true(set.info.std[0] > 0.2 && set.info.std[0] < 0.4);
    uint64_t hash = set.info.hash;
    comm_sum_u64(comm, &hash, 1);
    assert_true(hash == set.info.hash * (uint64_t)comm_size(comm));
    dataset_close(&set);
    dataset_builder_release(&b);
}

static uint64_t hash_of(const struct dataset_builder *b)
{
    struct dataset_info info;
    uint64_t found;
    write_set(b, "hash.h5");
    assert_int_equal(dataset_info_read(&info, scratch_path("hash.h5")), ST_OK);
    assert_int_equal(dataset_hash_file(&info, &found, NULL), ST_OK);
    assert_true(found == info.hash);
    dataset_info_release(&info);
    comm_barrier(comm);
    return found;
}

static void test_hash_is_of_the_content(void **state)
{
    (void)state;
    struct dataset_builder b = build(9000, 10, 4); /* more than one block */
    uint64_t hash = hash_of(&b);
    free(b.source);
    b.source = mem_strdup("elsewhere");
    assert_true(hash_of(&b) == hash);
    b.images[DATASET_TRAIN][9000 * H * W - 1] ^= 1;
    assert_true(hash_of(&b) != hash);
    b.images[DATASET_TRAIN][9000 * H * W - 1] ^= 1;
    b.labels[DATASET_TEST][3] ^= 1;
    assert_true(hash_of(&b) != hash);
    b.labels[DATASET_TEST][3] ^= 1;
    b.class_name[1][0] = 'C';
    assert_true(hash_of(&b) != hash);
    b.class_name[1][0] = 'c';
    assert_true(hash_of(&b) == hash);
    dataset_builder_release(&b);
}

static void test_fetch(void **state)
{
    (void)state;
    struct dataset_builder b = build(30000, 10, 4);
    write_set(&b, "fetch.h5");
    struct dataset set;
    assert_int_equal(open_splits(&set, scratch_path("fetch.h5"), true, false, 1000),
                     ST_OK);
    expect_said_by_first("do not fit into memory");
    assert_false(dataset_resident(&set, DATASET_TRAIN));
    struct rng rng;
    rng_init(&rng, 2, RNG_TEST, (uint32_t)comm_rank(comm), 0);
    static uint8_t images[2000][H][W];
    uint64_t index[2000];
    for (int round = 0; round < 20; round++) {
        size_t n = round == 0 ? 0 : 1 + rng_below(&rng, 2000);
        for (size_t i = 0; i < n;
             i++) /* neighbours, repetitions, distant rows, the end */
            index[i] = i && rng_below(&rng, 2)
                           ? (index[i - 1] + rng_below(&rng, 2)) % 30000
                           : rng_below(&rng, 30000);
        assert_int_equal(dataset_fetch(&set, DATASET_TRAIN, index, n, images[0][0], NULL),
                         ST_OK);
        for (size_t i = 0; i < n; i++) {
            assert_memory_equal(images[i], b.images[DATASET_TRAIN] + index[i] * H * W,
                                H * W);
            assert_int_equal(dataset_label(&set, DATASET_TRAIN, index[i]),
                             b.labels[DATASET_TRAIN][index[i]]);
        }
    }
    dataset_close(&set);
    dataset_builder_release(&b);
}

static void test_no_test_images(void **state)
{
    (void)state;
    struct dataset_builder b = build(50, 0, 2);
    write_set(&b, "train-only.h5");
    expect_content(&b, scratch_path("train-only.h5"), 1 << 20);
    dataset_builder_release(&b);
}

static void test_bad_builders(void **state)
{
    (void)state;
    if (!first_rank())
        return;
    const char *path = scratch_path("bad.h5");
    struct dataset_builder b = build(50, 10, 3);
    b.labels[DATASET_TRAIN][7] = 3;
    assert_int_equal(dataset_write(&b, path, false), ST_FAIL);
    expect_said("label of train image 7 is out of range");
    b.labels[DATASET_TRAIN][7] = 0;
    b.labels[DATASET_TEST][9] = 77;
    assert_int_equal(dataset_write(&b, path, false), ST_FAIL);
    expect_said("label of test image 9 is out of range");
    b.labels[DATASET_TEST][9] = 0;
    for (int i = 0; i < 50; i++)
        b.labels[DATASET_TRAIN][i] %= 2;
    assert_int_equal(dataset_write(&b, path, false), ST_FAIL);
    expect_said("class 'class 2' has no training images (1 of 3 classes are empty)");
    assert_int_equal(scratch_count("bad.h5"), 0);
    assert_int_equal(dataset_write(&b, path, true), ST_OK);
    memset(b.images[DATASET_TRAIN], 77, 50 * H * W);
    assert_int_equal(dataset_write(&b, path, true), ST_FAIL);
    expect_said("all training pixels of a test have the same value");
    dataset_builder_release(&b);
    b = build(0, 10, 3);
    assert_int_equal(dataset_write(&b, path, true), ST_FAIL);
    expect_said("there are no training images in a test");
    dataset_builder_release(&b);
}

/* The parts of a data set, each of which a case can make wrong. */
struct dataset_parts {
    const char *images, *labels;
    size_t n, h, n_labels;
    enum h5file_type type;
    double std;
    uint64_t version;
    int label;
    const char *hash, *said;
};

static void write_parts(const struct dataset_parts *p, const char *path)
{
    struct h5file *f;
    uint8_t zeros[1000] = {0}, labels[10] = {0};
    char *names[] = {(char[]){"a"}, (char[]){"b"}};
    const size_t dim[] = {p->n, p->h, 5}, test[] = {1, 4, 5}, one = 1;
    labels[p->n_labels - 1] = (uint8_t)p->label;
    assert_int_equal(h5file_create(&f, path), ST_OK);
    assert_int_equal(h5file_write(f, p->images, H5FILE_U8, 3, dim, zeros), ST_OK);
    assert_int_equal(h5file_write(f, "/test/images", H5FILE_U8, 3, test, zeros), ST_OK);
    assert_int_equal(h5file_write(f, "/test/labels", H5FILE_U8, 1, &one, zeros), ST_OK);
    assert_int_equal(h5file_write(f, p->labels, p->type, 1, &p->n_labels,
                                  p->type == H5FILE_U8 ? labels : zeros),
                     ST_OK);
    assert_int_equal(h5file_put_texts(f, "/", "classes", names, 2), ST_OK);
    assert_int_equal(h5file_put_f64(f, "/", "mean", 0.5), ST_OK);
    assert_int_equal(h5file_put_f64(f, "/", "std", p->std), ST_OK);
    assert_int_equal(h5file_put_text(f, "/", "source", "x"), ST_OK);
    assert_int_equal(h5file_put_text(f, "/", "hash", p->hash), ST_OK);
    assert_int_equal(h5file_put_u64(f, "/", "format_version", p->version), ST_OK);
    assert_int_equal(h5file_commit(f), ST_OK);
    h5file_close(f);
}

static void test_files_of_another_kind(void **state)
{
    (void)state;
    const char *hash = "0123456789abcdef";
    const struct dataset_parts cases[] = {
        {"/train/images", "/train/labels", 3, 4, 3, H5FILE_U8, 0.3, 1, 0, hash, NULL},
        {"/train/pictures", "/train/labels", 3, 4, 3, H5FILE_U8, 0.3, 1, 0, hash,
         "is not a data set: it holds no '/train/images'"},
        {"/weights/conv1", "/train/labels", 3, 4, 3, H5FILE_U8, 0.3, 1, 0, hash,
         "is not a data set but a checkpoint"},
        {"/train/images", "/train/names", 3, 4, 3, H5FILE_U8, 0.3, 1, 0, hash,
         "holds no '/train/labels'"},
        {"/train/images", "/train/labels", 3, 4, 2, H5FILE_U8, 0.3, 1, 0, hash,
         "holds 3 train images but 2 labels"},
        {"/train/images", "/train/labels", 3, 5, 3, H5FILE_U8, 0.3, 1, 0, hash,
         "differ in size: train 5 x 5 pixels, test 4 x 5"},
        {"/train/images", "/train/labels", 3, 4, 3, H5FILE_F32, 0.3, 1, 0, hash,
         "is not an array of labels"},
        {"/train/images", "/train/labels", 3, 4, 3, H5FILE_U8, 0.0, 1, 0, hash,
         "has mean 0.5 and std 0, which is impossible"},
        {"/train/images", "/train/labels", 3, 4, 3, H5FILE_U8, 0.3, 4, 0, hash,
         "has format version 4; this program reads versions 1 to 3"},
        {"/train/images", "/train/labels", 3, 4, 3, H5FILE_U8, 0.3, 1, 0, "xyz",
         "is not a hash of 16 hex digits"},
        {"/train/images", "/train/labels", 3, 4, 3, H5FILE_U8, 0.3, 1, 2, hash,
         "label 2 at '/train/labels' row 2 of"},
    };
    const char *path = scratch_path("kind.h5");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dataset set;
        if (first_rank())
            write_parts(&cases[i], path);
        comm_barrier(comm);
        enum status st = open_splits(&set, path, true, true, 1 << 20);
        assert_int_equal(st, cases[i].said ? ST_FAIL : ST_OK);
        expect_said_by_first(cases[i].said ? cases[i].said : "holds no hashes");
        if (st == ST_OK)
            dataset_close(&set);
    }
}

/* Callers may index by the labels of a file that another program wrote. */
static void test_labels_are_classes(void **state)
{
    (void)state;
    const char *hash = "0123456789abcdef";
    const struct dataset_parts bad = {
        "/train/images", "/train/labels", 3, 4, 3, H5FILE_U8, 0.3, 1, 2, hash, NULL};
    const char *path = scratch_path("bad.h5");
    struct dataset_info info;
    uint16_t labels[3];
    if (first_rank())
        write_parts(&bad, path);
    comm_barrier(comm);
    assert_int_equal(dataset_info_read(&info, path), ST_OK);
    assert_int_equal(dataset_read_rows(&info, DATASET_TRAIN, 0, 2, NULL, labels), ST_OK);
    assert_int_equal(dataset_read_rows(&info, DATASET_TRAIN, 1, 2, NULL, labels),
                     ST_FAIL);
    expect_said_by_first("label 2 at '/train/labels' row 2 of");
    dataset_info_release(&info);
}

static void test_absent_file(void **state)
{
    (void)state;
    struct dataset set;
    assert_int_equal(open_splits(&set, scratch_path("absent.h5"), true, true, 0),
                     ST_FAIL);
    expect_said_by_first("absent.h5': No such file or directory");
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_info),
        cmocka_unit_test(test_every_rank_knows_the_same),
        cmocka_unit_test(test_hash_is_of_the_content),
        cmocka_unit_test(test_fetch),
        cmocka_unit_test(test_no_test_images),
        cmocka_unit_test(test_bad_builders),
        cmocka_unit_test(test_files_of_another_kind),
        cmocka_unit_test(test_labels_are_classes),
        cmocka_unit_test(test_absent_file),
    };
    comm = comm_start(&argc, &argv);
    int failed = cmocka_run_group_tests(tests, setup, teardown);
    comm_finish(comm);
    return failed;
}
