/* Images that are not what their hashes say. */
#include "../scratch.h"

#include "base/hash.h"
#include "base/mem.h"
#include "comm/comm.h"
#include "data/dataset_verify.h"
#include "data/dataset_writer.h"
#include "io/h5file.h"

#define IMAGE 12 /* bytes: 3 x 4 */
#define TRAIN 5000
#define TEST  7

static struct comm *comm;

/* What a case does to one image, and whether the images have names and hashes. */
struct spoil {
    int split, image, label; /* image: its first byte changes; label: it changes */
    bool paths, hashes;
};

static uint8_t pixel_at(int split, size_t image, size_t p)
{
    return (uint8_t)(image * 7 + p * 31 + (size_t)split);
}

/* Writes a set as another program could copy it: with these hashes, and other content. */
static void write_set(const char *path, const struct spoil *spoil)
{
    static uint8_t images[TRAIN][IMAGE], labels[TRAIN];
    static uint64_t hashes[TRAIN];
    static char paths[TRAIN * 10];
    const size_t count[DATASET_SPLITS] = {TRAIN, 0, TEST};
    char *names[] = {(char[]){"a"}, (char[]){"b"}};
    struct h5file *f;
    assert_int_equal(h5file_create(&f, path), ST_OK);
    for (int s = 0; s < DATASET_SPLITS; s++) {
        const size_t n = count[s], dim[] = {n, 3, 4};
        char name[32];
        size_t bytes = 0;
        for (size_t i = 0; i < n; i++) {
            for (size_t p = 0; p < IMAGE; p++)
                images[i][p] = pixel_at(s, i, p);
            labels[i] = (uint8_t)(i % 2);
            hashes[i] = hash_bytes(images[i], IMAGE, labels[i]);
            bytes += (size_t)sprintf(paths + bytes, "%zu.png", i) + 1;
        }
        if (n == 0)
            continue;
        if (spoil && spoil->split == s) {
            images[spoil->image][0] ^= 1;
            labels[spoil->label] ^= 1;
        }
        snprintf(name, sizeof name, "/%s/images", dataset_split_name[s]);
        assert_int_equal(h5file_write(f, name, H5FILE_U8, 3, dim, images), ST_OK);
        snprintf(name, sizeof name, "/%s/labels", dataset_split_name[s]);
        assert_int_equal(h5file_write(f, name, H5FILE_U8, 1, dim, labels), ST_OK);
        snprintf(name, sizeof name, "/%s/hashes", dataset_split_name[s]);
        if (!spoil || spoil->hashes)
            assert_int_equal(h5file_write(f, name, H5FILE_U64, 1, dim, hashes), ST_OK);
        snprintf(name, sizeof name, "/%s/paths", dataset_split_name[s]);
        if (spoil && spoil->paths)
            assert_int_equal(h5file_write(f, name, H5FILE_U8, 1, &bytes, paths), ST_OK);
    }
    assert_int_equal(h5file_put_texts(f, "/", "classes", names, 2), ST_OK);
    assert_int_equal(h5file_put_f64(f, "/", "mean", 0.5), ST_OK);
    assert_int_equal(h5file_put_f64(f, "/", "std", 0.3), ST_OK);
    assert_int_equal(h5file_put_text(f, "/", "source", "x"), ST_OK);
    assert_int_equal(h5file_put_hash(f, "/", "hash", 77), ST_OK);
    assert_int_equal(h5file_put_u64(f, "/", "format_version", 1), ST_OK);
    assert_int_equal(h5file_commit(f), ST_OK);
    h5file_close(f);
}

static enum status open_set(struct dataset *set, const char *path, size_t limit,
                            bool trusted)
{
    const bool want[DATASET_SPLITS] = {[DATASET_TRAIN] = true, [DATASET_TEST] = true};
    return dataset_open(set, comm, path, want,
                        &(struct dataset_use){.memory_limit = limit, .trusted = trusted});
}

static void test_damage_is_named_while_loading(void **state)
{
    (void)state;
    const struct {
        struct spoil spoil;
        const char *said;
    } cases[] = {
        {{DATASET_TRAIN, 4999, 4999, true, true}, "image 4999, of '4999.png';"},
        {{DATASET_TRAIN, 17, 3000, true, true}, ", 2 are not"},
        {{DATASET_TRAIN, 17, 3000, false, true}, "the first is image 17;"},
        {{DATASET_TEST, 6, 0, true, true}, "7 test images that were read, 2 are not"},
    };
    const char *path = scratch_path("bad.h5");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dataset set;
        write_set(path, &cases[i].spoil);
        assert_int_equal(open_set(&set, path, 1 << 20, false), ST_FAIL);
        expect_said(cases[i].said);
        assert_int_equal(open_set(&set, path, 1 << 20, true), ST_OK);
        dataset_close(&set);
        assert_string_equal(scratch_said(), "");
    }
}

static void test_fetches_compare_what_they_read(void **state)
{
    (void)state;
    const char *path = scratch_path("disk.h5");
    const uint64_t good[] = {16, 18, 4999, 0, 2500, 18}, bad[] = {4000, 2, 17, 16};
    uint8_t images[6][IMAGE];
    struct dataset set;
    write_set(path, &(struct spoil){DATASET_TRAIN, 17, 3000, true, true});
    for (int trusted = 0; trusted < 2; trusted++) {
        assert_int_equal(open_set(&set, path, 1, trusted), ST_OK);
        expect_said("do not fit into memory");
        assert_int_equal(dataset_fetch(&set, DATASET_TRAIN, good, 6, images[0], NULL),
                         ST_OK);
        for (size_t i = 0; i < 6; i++)
            for (size_t p = 0; p < IMAGE; p++)
                assert_int_equal(images[i][p], pixel_at(DATASET_TRAIN, good[i], p));
        assert_int_equal(dataset_fetch(&set, DATASET_TRAIN, bad, 4, images[0], NULL),
                         trusted ? ST_OK : ST_FAIL);
        if (!trusted)
            expect_said("4 train images that were read, 1 are not as they were written, "
                        "or their labels are not; the first is image 17, of '17.png'");
        dataset_close(&set);
    }
}

static void test_rows_are_compared(void **state)
{
    (void)state;
    const char *path = scratch_path("rows.h5");
    uint8_t images[4][IMAGE];
    uint16_t labels[4];
    struct dataset_damage damage[DATASET_SPLITS];
    struct dataset_info info;
    uint64_t hash;
    write_set(path, &(struct spoil){DATASET_TEST, 2, 4, false, true});
    assert_int_equal(dataset_info_read(&info, path), ST_OK);
    assert_true(info.has_hashes && !info.has_paths && !info.trusted);
    assert_int_equal(dataset_read_rows(&info, DATASET_TEST, 0, 2, images[0], labels),
                     ST_OK);
    assert_int_equal(dataset_read_rows(&info, DATASET_TEST, 1, 4, images[0], NULL),
                     ST_FAIL);
    expect_said("4 test images that were read, 2 are not");
    assert_int_equal(dataset_read_rows(&info, DATASET_TEST, 1, 4, NULL, labels), ST_OK);
    assert_int_equal(dataset_hash_file(&info, &hash, damage), ST_OK);
    assert_int_equal(damage[DATASET_TRAIN].count, 0);
    assert_int_equal(damage[DATASET_TEST].count, 2);
    assert_int_equal(damage[DATASET_TEST].first, 2);
    info.trusted = true;
    assert_int_equal(dataset_read_rows(&info, DATASET_TEST, 1, 4, images[0], NULL),
                     ST_OK);
    dataset_info_release(&info);
}

static void test_sets_without_hashes(void **state)
{
    (void)state;
    const char *path = scratch_path("none.h5");
    struct dataset set;
    write_set(path, &(struct spoil){DATASET_TRAIN, 1, 1, false, false});
    assert_int_equal(open_set(&set, path, 1 << 20, false), ST_OK);
    assert_false(set.info.has_hashes);
    expect_said("holds no hashes of its images: damage to them would not be noticed");
    dataset_close(&set);
    write_set(path, NULL);
    assert_int_equal(open_set(&set, path, 1 << 20, false), ST_OK);
    assert_true(set.info.has_hashes);
    dataset_close(&set);
    assert_string_equal(scratch_said(), "");
}

int main(int argc, char **argv)
{
    comm = comm_start(&argc, &argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_damage_is_named_while_loading),
        cmocka_unit_test(test_fetches_compare_what_they_read),
        cmocka_unit_test(test_rows_are_compared),
        cmocka_unit_test(test_sets_without_hashes),
    };
    int failed = cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
    comm_finish(comm);
    return failed;
}
