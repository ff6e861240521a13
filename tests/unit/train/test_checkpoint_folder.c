#include "../scratch.h"

#include "train/checkpoint.h"

static void create_files(const char *folder, const char *const *names)
{
    assert_int_equal(fs_make_folder(scratch_path(folder)), ST_OK);
    for (int i = 0; names[i]; i++) {
        char name[128];
        snprintf(name, sizeof name, "%s/%s", folder, names[i]);
        scratch_write(name, "x", 1);
    }
}

static void expect_files(const char *folder, const char *const *expected)
{
    char **names;
    int count, n = 0;
    while (expected[n])
        n++;
    assert_int_equal(fs_list(scratch_path(folder), &names, &count), ST_OK);
    assert_int_equal(count, n);
    for (int i = 0; i < n; i++)
        assert_string_equal(names[i], expected[i]);
    fs_free_list(names, count);
}

static void test_path(void **state)
{
    (void)state;
    char path[FS_PATH];
    assert_int_equal(checkpoint_path(path, "run/checkpoints", 123), ST_OK);
    assert_string_equal(path, "run/checkpoints/step-000000000123.h5");
}

/* Newest first; only files with a checkpoint's name. */
static void test_list(void **state)
{
    (void)state;
    static const char *const made[] = {"step-000000000009.h5",
                                       "step-000000000100.h5",
                                       "step-000000000020.h5",
                                       "step-123456789012.h5",
                                       "step-7.h5",
                                       "step-000000000021.h5x",
                                       "step-000000000022.h5.tmp.host.1",
                                       "best.h5",
                                       "step-.h5",
                                       "xstep-000000000001.h5",
                                       "step-+00000000001.h5",
                                       NULL};
    static const char *const found[] = {"step-123456789012.h5", "step-000000000100.h5",
                                        "step-000000000020.h5", "step-000000000009.h5"};
    char **paths;
    int count;
    create_files("list", made);
    assert_int_equal(checkpoint_list(scratch_path("list"), &paths, &count), ST_OK);
    assert_int_equal(count, 4);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(strrchr(paths[i], '/') + 1, found[i]);
        assert_true(fs_is_file(paths[i]));
    }
    fs_free_list(paths, count);
    assert_int_equal(checkpoint_list(scratch_path("nowhere"), &paths, &count), ST_OK);
    assert_int_equal(count, 0);
    fs_free_list(paths, count);
}

/* The newest checkpoints stay, and files that are no numbered checkpoint; temporary files
   of killed writers go. */
static void test_prune(void **state)
{
    (void)state;
    static const char *const made[] = {"best.h5",
                                       "best.h5.tmp.node1.77",
                                       "notes.txt",
                                       "step-000000000001.h5",
                                       "step-000000000002.h5",
                                       "step-000000000010.h5",
                                       "step-000000000011.h5.tmp.node2.4711",
                                       "step-3.h5",
                                       NULL};
    static const char *const two[] = {
        "best.h5",   "notes.txt", "step-000000000002.h5", "step-000000000010.h5",
        "step-3.h5", NULL};
    static const char *const one[] = {"best.h5", "notes.txt", "step-000000000010.h5",
                                      "step-3.h5", NULL};
    create_files("prune", made);
    assert_int_equal(checkpoint_prune(scratch_path("prune"), 2, 10), ST_OK);
    expect_files("prune", two);
    assert_int_equal(checkpoint_prune(scratch_path("prune"), 9, 10), ST_OK);
    expect_files("prune", two);
    assert_int_equal(checkpoint_prune(scratch_path("prune"), 1, 10), ST_OK);
    expect_files("prune", one);
    assert_int_equal(checkpoint_prune(scratch_path("nowhere"), 1, 10), ST_FAIL);
    expect_said("cannot read folder");
}

/* A later checkpoint, which could not be read, does not count: the newest good one
   stays. */
static void test_prune_before_damage(void **state)
{
    (void)state;
    static const char *const made[] = {"step-000000000005.h5", "step-000000000006.h5",
                                       "step-000000000100.h5", NULL};
    static const char *const left[] = {"step-000000000006.h5", "step-000000000100.h5",
                                       NULL};
    create_files("damaged", made);
    assert_int_equal(checkpoint_prune(scratch_path("damaged"), 1, 6), ST_OK);
    expect_files("damaged", left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_prune),
        cmocka_unit_test(test_prune_before_damage),
    };
    return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
